// Other tabs of the same salon in this browser. They only say that they are there.

const HELLO = "hello";
const HERE = "here";
const GONE = "gone";

export interface Tabs {
  /** Forget who was there and ask anew: a tab that crashed never said good-bye. */
  count(): void;
  leave(): void;
}

const NO_TABS: Tabs = { count: () => {}, leave: () => {} };

/** Without a channel, as in an old browser or in some frames, no other tab is ever seen. */
export function watchTabs(salon: string, changed: (count: number) => void): Tabs {
  const channel = channelOf(salon);
  return channel === null ? NO_TABS : watchTabsOn(channel, changed);
}

function watchTabsOn(channel: BroadcastChannel, changed: (count: number) => void): Tabs {
  const me = Math.random().toString(36).slice(2);
  const others = new Set<string>();

  function say(word: string): void {
    channel.postMessage({ word, from: me });
  }

  channel.onmessage = ({ data }: MessageEvent<{ word: string; from: string }>) => {
    if (data.word === GONE) others.delete(data.from);
    else others.add(data.from);
    if (data.word === HELLO) say(HERE);
    changed(others.size);
  };

  return {
    count: () => {
      others.clear();
      changed(0);
      say(HELLO);
    },
    leave: () => say(GONE),
  };
}

function channelOf(salon: string): BroadcastChannel | null {
  try {
    return new BroadcastChannel(`onboarding-${salon}`);
  } catch {
    return null;
  }
}
