import { createSyntheticPicture } from '@ogong/testing/synthetic/synthetic-picture';
import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../base/bytes.ts';
import { encodeOpening } from '../../commitment/opening.ts';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import type { PlantedReply } from '../modality.ts';
import { encodeValues } from '../shared/values.ts';
import { drawAuditedSteps } from './audit-job.ts';
import { encodeTrajectoryReport } from './report.ts';
import { parsePictureRequest } from './request.ts';
import { encodePictureSummary } from './request-summary.ts';
import { trajectory } from './trajectory.ts';

const DRAW = new Uint8Array(32).fill(0xd7);
const PROMPT = 'The lynx Ombravelle counted copper thimbles.';
const picture = createSyntheticPicture({ crypto });
const { record, opening, leaves, latents, outputs, response, blobs } = picture;
const reply = trajectory.replay(crypto, record, opening, { blobs });
const drawn = drawAuditedSteps(crypto, { draw: DRAW, replyId: record.replyId, steps: leaves.steps });
/** As many bytes are found nowhere by chance. */
const PIECE_BYTES = 16;

/** Returns whether some piece of the secret stands in one of the messages. */
function shows(messages: readonly Uint8Array[], secret: Uint8Array): boolean {
  const held = messages.map((message) => Buffer.from(message));
  return Array.from({ length: Math.floor(secret.length / PIECE_BYTES) }, (_, i) =>
    secret.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES),
  ).some((piece) => held.some((message) => message.includes(Buffer.from(piece))));
}

describe.each([
  ['an ordinary job', undefined],
  ['a planted job', new Uint8Array(32).fill(3)],
])('with %s', (_name, seed) => {
  const terms = { endpoint: 'image', draw: DRAW, seed: seed ?? DRAW, endorsedClass: '' };
  const planted = reply.plant?.(terms) as PlantedReply;
  const inputs = seed ? planted.inputs : reply.describeJob('image', DRAW);
  const jobBlobs = (seed ? planted.makeBlobs?.() : reply.makeJobBlobs?.(DRAW)) ?? [];

  it('co-signers see roots and projections, and no values, pixels or words', () => {
    const request = parsePictureRequest(utf8Encode(JSON.stringify({ model: 'ogong/verified/a/b', prompt: PROMPT })));
    const seen = [
      ...[encodeOpening(opening), encodeTrajectoryReport(picture.report(drawn))],
      ...[inputs.claim, inputs.header, encodePictureSummary(request, new Uint8Array(32))],
    ];
    for (const values of [...latents, ...outputs]) expect(shows(seen, encodeValues(values))).toBe(false);
    expect(shows(seen, response)).toBe(false);
    expect(shows(seen, utf8Encode(PROMPT))).toBe(false);
    // The search finds a value that is there.
    expect(shows([...seen, encodeValues(latents[0] as Float32Array)], encodeValues(latents[0] as Float32Array))).toBe(
      true,
    );
  });

  it('a verifier gets one latent for each drawn step and the last one, and no output or pixel', () => {
    const sent = [...jobBlobs, inputs.claim, inputs.header];
    const sentLatents = latents.filter((latent) => shows(sent, encodeValues(latent)));
    expect(sentLatents).toHaveLength(drawn.length + 1);
    expect(sentLatents).toContain(latents.at(-1));
    for (const output of outputs) expect(shows(sent, encodeValues(output))).toBe(false);
    expect(shows(sent, response)).toBe(false);
  });
});
