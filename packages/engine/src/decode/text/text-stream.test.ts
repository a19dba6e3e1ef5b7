import { describe, expect, it } from 'vitest';
import { createTextStream } from './text-stream.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);

function run(pieces: readonly Uint8Array[], stops: readonly string[]) {
  const stream = createTextStream(stops);
  const out: string[] = [];
  let stopped = false;
  for (const piece of pieces) {
    const result = stream.push(piece);
    out.push(result.text);
    stopped ||= result.stopped;
  }
  out.push(stream.flush());
  return { out, text: out.join(''), stopped };
}

describe('text stream', () => {
  it('holds back an unfinished character until its last byte', () => {
    const bytes = utf8('é🙂');
    const { out, text } = run(
      [...bytes].map((byte) => Uint8Array.of(byte)),
      [],
    );
    expect(text).toBe('é🙂');
    expect(out).toEqual(['', 'é', '', '', '', '🙂', '']);
  });

  it('replaces invalid and unfinished bytes', () => {
    expect(run([Uint8Array.of(0xff), utf8('a'), Uint8Array.of(0xf0, 0x9f)], []).text).toBe('\ufffda\ufffd');
  });

  it('never emits a part of a stop string that completes later', () => {
    const { out, text, stopped } = run([utf8('one EN'), utf8('D two')], ['END']);
    expect(out[0]).toBe('one ');
    expect(text).toBe('one ');
    expect(stopped).toBe(true);
  });

  it('releases a held prefix that does not complete', () => {
    expect(run([utf8('EN'), utf8('ding')], ['END']).text).toBe('ENding');
    expect(run([utf8('EN')], ['END']).text).toBe('EN');
  });

  it('cuts at the earliest of several stop strings', () => {
    expect(run([utf8('a--b##c')], ['##', '--']).text).toBe('a');
  });

  it('finds a stop string that overlaps a false start', () => {
    expect(run([utf8('aa'), utf8('ab')], ['aab']).text).toBe('a');
  });
});
