"""A YClients in a box: its marketplace, its callbacks, and its quirks on demand.

Marks in comments say how sure a fact is: D1 documented by YClients, D2 by Altegio (the same code
under another name), D3 known from summaries of the help pages, O observed live, I inferred.
"""
