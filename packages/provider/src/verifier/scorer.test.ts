import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { Refusal } from '@ogong/host/link/link-error';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { toReference } from '@ogong/protocol/modality/media/detach-media';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterEach, expect, it, vi } from 'vitest';
import { findModality } from '../modality/registry.ts';
import { parseScorable } from './scorer.ts';

afterEach(() => void vi.restoreAllMocks());

const A = Uint8Array.of(1, 2);
const B = Uint8Array.of(3);
const request = utf8Encode(JSON.stringify({ image: [A, B].map((bytes) => toReference(crypto, bytes)) }));
const parse = (media?: Uint8Array[]) =>
  parseScorable({ request, ...(media && { media }) } as ScoreJobMessage, createFakeEngine(), crypto);

it('hands the media of a request to the modality of its job', () => {
  const opened = vi.spyOn(findModality(createFakeEngine()), 'openScoreJob').mockReturnValue({} as never);
  parse([A, B]);
  const [, { media }] = opened.mock.calls[0] as Parameters<typeof opened>;
  expect([...(media ?? [])]).toEqual([A, B].map((bytes) => [toReference(crypto, bytes), bytes]));
});

it.each([
  ['missing', undefined, `without the bytes of ${toReference(crypto, A)}`],
  ['in part', [A], `without the bytes of ${toReference(crypto, B)}`],
  ['superfluous', [A, B, A], 'part 2 of the media'],
  ['other bytes', [B, A], `${toReference(crypto, A)}: other bytes`],
])('refuses media that are %s', (_what, media, message) => {
  expect(() => parse(media)).toThrow(Refusal);
  expect(() => parse(media)).toThrow(message);
});
