import { deserialize, serialize } from 'node:v8';
import { expect, it } from 'vitest';
import type { TextGenerationEvent } from '../interface/text.ts';
import type { HostMessage } from './child-messages.ts';
import { packEvents, unpackEvents } from './packed-events.ts';

const token = (id: number, bytes: readonly number[]) => ({ id, bytes: Uint8Array.from(bytes), logprob: -id / 3 });

it('brings events to the other process as they are, and tokens without typed arrays', () => {
  const events: readonly (readonly [number, TextGenerationEvent])[] = [
    [1, { kind: 'start', promptTokens: Uint32Array.of(1, 70_000) }],
    [1, { kind: 'token', token: token(5, [0, 127, 128, 255]), alternatives: [], text: '' }],
    [2, { kind: 'token', token: token(0, []), alternatives: [token(7, [226, 130]), token(8, [65])], text: '€ "\\' }],
    [1, { kind: 'window', window: { draws: Uint8Array.of(1), sketch: Uint8Array.of(2, 3) } }],
  ];
  const message: HostMessage = { kind: 'events', events };
  const packed = packEvents(message);
  expect(unpackEvents(deserialize(serialize(packed)))).toEqual(message);
  expect(packed.events[2]).toEqual([2, '€ "\\', 0, '', -0, 7, 'â\x82', -7 / 3, 8, 'A', -8 / 3]);
});

it('brings a token of more bytes than a call has room for arguments', () => {
  const long = token(3, new Array(2 ** 18).fill(200));
  const message: HostMessage = {
    kind: 'events',
    events: [[1, { kind: 'token', token: long, alternatives: [], text: '' }]],
  };
  expect(unpackEvents(packEvents(message))).toEqual(message);
});
