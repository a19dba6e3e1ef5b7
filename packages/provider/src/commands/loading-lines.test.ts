import { describe, expect, it } from 'vitest';
import { createLoadingLine, createLoadingLines } from './loading-lines.ts';

function open(isTerminal: boolean) {
  let now = 0;
  let tick: (() => void) | undefined;
  let written = '';
  const onLoading = createLoadingLine((text) => (written += text), {
    isTerminal,
    nowMs: () => now,
    repeat: (run) => {
      tick = run;
      return () => {
        tick = undefined;
      };
    },
  });
  const advance = (ms: number): void => {
    now += ms;
    tick?.();
  };
  return { onLoading, advance, written: () => written };
}

const ANEW = '\r\u001b[K';

describe('the line of a model that loads', () => {
  it('is written anew on a terminal, and says how long it took', () => {
    const { onLoading, advance, written } = open(true);
    const end = onLoading({ name: 'qwen3', sizeBytes: 1.2e9 });
    advance(1_000);
    advance(1_500);
    end(true);
    advance(1_000);
    expect(written()).toBe(
      `${ANEW}loading qwen3  1.20 GB  1 s${ANEW}loading qwen3  1.20 GB  2 s${ANEW}qwen3 is loaded after 3 s\n`,
    );
  });

  it('is not shown for a short load, and is removed if the load fails', () => {
    const short = open(true);
    const end = short.onLoading({ name: 'stories15M', sizeBytes: 2.4e7 });
    short.advance(200);
    end(true);
    expect(short.written()).toBe('');
    const failing = open(true);
    const fail = failing.onLoading({ name: 'stories15M', sizeBytes: 2.4e7 });
    failing.advance(600);
    fail(false);
    expect(failing.written()).toBe(`${ANEW}loading stories15M  24.0 MB  0 s${ANEW}`);
  });

  it('is two lines elsewhere, and none for a small model', () => {
    const { onLoading, advance, written } = open(false);
    const small = onLoading({ name: 'stories15M', sizeBytes: 2.4e7 });
    const end = onLoading({ name: 'qwen3', sizeBytes: 1.2e9 });
    advance(60_000);
    small(true);
    end(true);
    expect(written()).toBe('loading qwen3  1.20 GB\nqwen3 is loaded after 1 min 0 s\n');
  });
});

it('a download has a line per tenth where there is no terminal, and one line on a terminal', () => {
  const download = (isTerminal: boolean): string => {
    let written = '';
    const { onDownload } = createLoadingLines((text) => (written += text), isTerminal);
    for (let part = 1; part <= 100; part++)
      onDownload({ file: 'model.gguf', receivedBytes: part * 1e6, totalBytes: 1e8 });
    return written;
  };
  expect(download(false).trimEnd().split('\n').length).toBeLessThanOrEqual(11);
  const [line = '', ...rest] = download(true).trimEnd().split('\n');
  expect(line.split(ANEW).slice(1)).toHaveLength(100);
  for (const text of line.split(ANEW).slice(1)) expect(text).toMatch(/^model\.gguf {2}\d+ %/);
  expect(rest).toEqual(['model.gguf is here']);
});
