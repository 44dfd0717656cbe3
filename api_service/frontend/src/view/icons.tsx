// Pictures drawn for the page. They take their colours from the style sheet and say nothing that the
// text beside them does not.

import type { ComponentChildren } from "preact";

const SIZE = 72;

interface PictureProps {
  readonly children: ComponentChildren;
}

function Picture({ children }: PictureProps) {
  return (
    <svg
      class="picture"
      viewBox={`0 0 ${SIZE} ${SIZE}`}
      width={SIZE}
      height={SIZE}
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  );
}

/** A telephone: the frame of the three pictures of the steps. */
function Phone({ children }: PictureProps) {
  return (
    <svg
      class="picture picture--phone"
      viewBox="13 1 38 62"
      width="38"
      height="62"
      aria-hidden="true"
      focusable="false"
    >
      <rect class="p-body" x="15" y="3" width="34" height="58" rx="7" />
      <rect class="p-screen" x="18" y="8" width="28" height="48" rx="3.5" />
      {children}
    </svg>
  );
}

export function OpenWhatsApp() {
  return (
    <Phone>
      <circle class="p-accent" cx="32" cy="31" r="9.5" />
      <path class="p-accent" d="M24.5 35.5 22 42l7-2z" />
      <path class="p-on-accent" d="M27.5 29.5h9M27.5 33h6" />
    </Phone>
  );
}

export function LinkedDevices() {
  return (
    <Phone>
      <path class="p-line" d="M22 15h12M22 21h16M22 47h14" />
      <rect class="p-accent" x="18" y="26.5" width="28" height="14" rx="3" />
      <rect class="p-on-accent" x="22" y="30.5" width="9" height="6" rx="1" />
      <rect class="p-on-accent" x="34" y="30" width="4" height="7" rx="1" />
    </Phone>
  );
}

export function ScanQr() {
  return (
    <Phone>
      <path class="p-frame" d="M22 26v-4h4M38 22h4v4M42 38v4h-4M26 42h-4v-4" />
      <path
        class="p-solid"
        d="M26 26h4v4h-4zM34 26h4v4h-4zM26 34h4v4h-4zM34 34h2v2h-2zM36 36h2v2h-2z"
      />
      <path class="p-beam" d="M20 32h24" />
    </Phone>
  );
}

export function EnterCode() {
  return (
    <Phone>
      <path class="p-line" d="M24 16h16" />
      <path
        class="p-cells"
        d="M21 23.5h4.6v6H21zM26.8 23.5h4.6v6h-4.6zM32.6 23.5h4.6v6h-4.6zM38.4 23.5H43v6h-4.6z"
      />
      <path
        class="p-cells"
        d="M21 32.5h4.6v6H21zM26.8 32.5h4.6v6h-4.6zM32.6 32.5h4.6v6h-4.6zM38.4 32.5H43v6h-4.6z"
      />
      <rect class="p-accent" x="22" y="45" width="20" height="6" rx="3" />
    </Phone>
  );
}

export function Check() {
  return (
    <Picture>
      <circle class="p-halo" cx="36" cy="36" r="35" />
      <circle class="p-accent" cx="36" cy="36" r="25" />
      <path class="p-tick" d="m25 37 8 8 15-17" />
    </Picture>
  );
}

export function Warning() {
  return (
    <Picture>
      <circle class="p-halo p-halo--warn" cx="36" cy="36" r="35" />
      <circle class="p-warn" cx="36" cy="36" r="25" />
      <path class="p-tick" d="M36 24v15M36 47v.5" />
    </Picture>
  );
}

export function Link() {
  return (
    <Picture>
      <circle class="p-halo" cx="36" cy="36" r="35" />
      <rect class="p-body" x="13" y="21" width="17" height="30" rx="4" />
      <path class="p-line" d="M19 47h5" />
      <rect class="p-body" x="42" y="26" width="19" height="15" rx="2.5" />
      <path class="p-body" d="M39 46h25" />
      <path class="p-beam p-beam--dots" d="M33 36h6.5" />
    </Picture>
  );
}

export function Spinner() {
  return <span class="spinner" aria-hidden="true" />;
}
