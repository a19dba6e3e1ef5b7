/** Turns token bytes into text that is final: whole characters, and nothing that may still become a stop string. */
export interface TextStream {
  /** Text that became final; `stopped` once a stop string stood in the reply (it and what follows is dropped). */
  push(bytes: Uint8Array): { readonly text: string; readonly stopped: boolean };
  /** Returns the text that was held back. An unfinished character becomes U+FFFD, as WHATWG decoding has it. */
  flush(): string;
}

export function createTextStream(stops: readonly string[]): TextStream {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const active = stops.filter((stop) => stop.length > 0);
  let held = '';
  let done = false;

  const release = (isLast: boolean): { text: string; stopped: boolean } => {
    let first = -1;
    for (const stop of active) {
      const at = held.indexOf(stop);
      if (at >= 0 && (first < 0 || at < first)) first = at;
    }
    if (first >= 0) {
      const text = held.slice(0, first);
      held = '';
      done = true;
      return { text, stopped: true };
    }
    const keep = isLast ? 0 : longestPartialStop(held, active);
    const text = held.slice(0, held.length - keep);
    held = held.slice(held.length - keep);
    return { text, stopped: false };
  };

  return {
    push(bytes) {
      if (done) return { text: '', stopped: true };
      held += decoder.decode(bytes, { stream: true });
      return release(false);
    },
    flush() {
      if (done) return '';
      held += decoder.decode();
      return release(true).text;
    },
  };
}

/** Length of the longest proper prefix of a stop string that `text` ends with. */
function longestPartialStop(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let size = Math.min(stop.length - 1, text.length); size > longest; size--) {
      if (text.endsWith(stop.slice(0, size))) {
        longest = size;
        break;
      }
    }
  }
  return longest;
}
