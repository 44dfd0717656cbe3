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

/** Android: the list of chats, with the three dots in its upper corner. */
export function OpenMenu() {
  return (
    <Phone>
      <rect class="p-bar" x="18" y="8" width="28" height="9" rx="3" />
      <Chats />
      <circle class="p-ring" cx="41" cy="13" r="7" />
      <path class="p-dots" d="M41 9.8v.1M41 13v.1M41 16.2v.1" />
    </Phone>
  );
}

/** iPhone: the list of chats, with the settings in the corner of the bar below. */
export function OpenSettings() {
  return (
    <Phone>
      <rect class="p-bar" x="18" y="46" width="28" height="10" rx="3" />
      <path class="p-line" d="M22 51h2M28.5 51h2" />
      <Chats />
      <circle class="p-ring" cx="41" cy="50.5" r="7" />
      <circle class="p-gear" cx="41" cy="50.5" r="2.4" />
      <path
        class="p-gear"
        d="M41 46.4v1M41 53.6v1M36.9 50.5h1M44.1 50.5h1M38.1 47.6l.7.7M43.2 52.7l.7.7M38.1 53.4l.7-.7M43.2 48.3l.7-.7"
      />
    </Phone>
  );
}

function Chats() {
  return (
    <>
      <path class="p-chat" d="M22.5 24h.1M22.5 32h.1M22.5 40h.1" />
      <path class="p-line" d="M28 24h13M28 32h10M28 40h13" />
    </>
  );
}

/** The row of the linked devices: in Android's menu, or in the iPhone's list of settings. */
export function LinkedDevices({ inMenu }: { readonly inMenu: boolean }) {
  return inMenu ? (
    <Phone>
      <rect class="p-menu" x="22" y="10" width="24" height="42" rx="3" />
      <path class="p-line" d="M26 16h12M26 22h15M26 46.5h13" />
      <Devices x={23.5} width={21} />
    </Phone>
  ) : (
    <Phone>
      <path class="p-line" d="M22 15h12M22 21h16M22 47h14" />
      <Devices x={18} width={28} />
    </Phone>
  );
}

function Devices({ x, width }: { readonly x: number; readonly width: number }) {
  const left = x + (width - 16) / 2;
  return (
    <>
      <rect class="p-accent" x={x} y="27.5" width={width} height="14" rx="3" />
      <rect class="p-on-accent" x={left} y="31.5" width="9" height="6" rx="1" />
      <rect class="p-on-accent" x={left + 12} y="31" width="4" height="7" rx="1" />
    </>
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

/** The link at the foot of the screen, and the eight cells it leads to. */
export function EnterCode() {
  return (
    <Phone>
      <path
        class="p-cells"
        d="M21 17.5h4.6v6H21zM26.8 17.5h4.6v6h-4.6zM32.6 17.5h4.6v6h-4.6zM38.4 17.5H43v6h-4.6z"
      />
      <path
        class="p-cells"
        d="M21 26.5h4.6v6H21zM26.8 26.5h4.6v6h-4.6zM32.6 26.5h4.6v6h-4.6zM38.4 26.5H43v6h-4.6z"
      />
      <rect class="p-accent" x="20.5" y="43" width="23" height="9" rx="3" />
      <path class="p-on-accent" d="M25 47.5h14" />
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

export function Pause() {
  return (
    <Picture>
      <circle class="p-halo" cx="36" cy="36" r="35" />
      <circle class="p-accent" cx="36" cy="36" r="25" />
      <path class="p-tick" d="M30 27v18M42 27v18" />
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
