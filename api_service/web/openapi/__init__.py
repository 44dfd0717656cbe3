"""What every HTTP route takes and answers, told beside the route and served as OpenAPI 3.1."""
