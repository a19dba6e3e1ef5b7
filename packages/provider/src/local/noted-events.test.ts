import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextGenerationEvent } from '@ogong/engine/interface/text';
import { expect, it } from 'vitest';
import { noteEvents } from './noted-events.ts';

const WINDOW: TextGenerationEvent = { kind: 'window', window: new Uint8Array() as never };
const END = { kind: 'end', text: '' } as TextGenerationEvent;

/** Notes events of an engine that gives two windows, then an end or an error. */
function openNoted(last: TextGenerationEvent | Error) {
  const log: string[] = [];
  async function* give(): AsyncGenerator<TextGenerationEvent> {
    log.push('begin');
    try {
      yield WINDOW;
      yield WINDOW;
      if (last instanceof Error) throw last;
      yield last;
    } finally {
      log.push('close');
    }
  }
  const note = ({ kind }: TextGenerationEvent) => log.push(kind);
  return { log, events: noteEvents(give(), { note, breakOff: () => log.push('break off') }) };
}

it('notes each event before the reader gets it, and closes the engine once', async () => {
  const { log, events } = openNoted(END);
  for await (const event of events) log.push(`read ${event.kind}`);
  await events.return?.();
  expect(log).toEqual(['begin', 'window', 'read window', 'window', 'read window', 'end', 'read end', 'close']);

  const atEnd = openNoted(END);
  for await (const { kind } of atEnd.events) if (kind === 'end') break;
  expect(atEnd.log).toEqual(['begin', 'window', 'window', 'end', 'close']);
});

it('breaks off and notes the rest if the reader leaves', async () => {
  const { log, events } = openNoted(END);
  for await (const _ of events) break;
  expect(log).toEqual(['begin', 'window', 'break off', 'window', 'end', 'close']);
  expect(await events.next()).toEqual({ done: true, value: undefined });

  const failing = openNoted(new EngineError('cancelled', 'it was cancelled'));
  for await (const _ of failing.events) break;
  expect(failing.log).toEqual(['begin', 'window', 'break off', 'window', 'close']);

  const unread = openNoted(END);
  await unread.events.return?.();
  expect(unread.log).toEqual([]);
});

it('throws the failure of the engine, and breaks nothing off', async () => {
  const { log, events } = openNoted(new Error('the engine crashed'));
  const readAll = async (): Promise<void> => {
    for await (const _ of events);
  };
  await expect(readAll()).rejects.toThrow('the engine crashed');
  expect(log).toEqual(['begin', 'window', 'window', 'close']);
});
