import { utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { hasFixedDraws } from '@ogong/protocol/modality/text/request/tier-rules';
import type { OrderedPrompt } from '../buy/reply.ts';
import { readUnderPolicy, type SettlePolicy } from '../buy/settle-policy.ts';
import type { BodyReader } from './body-reader.ts';

interface PromptPolicy {
  readonly settle: SettlePolicy;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** Below 2^53, as a seed has to be. */
const SEED_BYTES = 6;

/**
 * The request of a text as the gateway orders it. A stream without a seed gets one behind its other fields. Its draws are then
 * the same at any provider, so that another provider can continue it (docs/spec/request.md#unbroken-streams). A caller that
 * checks its answer gets no other body than its own.
 * @throws ApiError, RequestError
 */
export function readPrompt(
  given: { readonly body: Uint8Array; readonly isChecked: boolean },
  { settle, randomBytes }: PromptPolicy,
  read: BodyReader,
): OrderedPrompt {
  const prompt = readUnderPolicy(given, settle, read);
  const { body, request } = prompt;
  const needsSeed = !hasFixedDraws(request) && hasFixedDraws({ ...request, seed: 0n });
  if (given.isChecked || !request.stream || !needsSeed) return prompt;
  const seed = Buffer.from(randomBytes(SEED_BYTES)).readUIntBE(0, SEED_BYTES);
  const seeded = utf8Encode(`${utf8Decode(body).trimEnd().slice(0, -1)},"seed":${seed}}`);
  return { body: seeded, request: read(seeded) };
}
