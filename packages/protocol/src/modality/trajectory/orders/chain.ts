import { equalBytes, toHex, utf8Decode, utf8Encode } from '../../../base/bytes.ts';
import { type Check, fail, pass } from '../../../base/checks.ts';
import type { Crypto } from '../../../crypto/crypto.ts';
import { hasMomentum } from '../guidance-plan.ts';
import { encodeChoices, type TrajectoryHeader } from '../header.ts';
import { changesPicture, type PictureRequest, TRAJECTORY_ENDPOINTS } from '../request.ts';
import type { RequestRange, StepRange } from '../step-range.ts';

/**
 * Splits a picture into links of about equally many steps, so that no order is expected to take longer than one may live.
 * @param expectedMs time of the whole picture, as its modality says.
 * @param longestMs the longest expected time of one order.
 * @returns undefined for a picture of one order. A part of a picture is one, and so are a picture to change and one with momentum. A
 * request that leaves size or steps to the model is one order too.
 */
export function planLinks(
  {
    size,
    steps,
    range,
    source,
    guidancePlan,
  }: Pick<PictureRequest, 'size' | 'steps' | 'range' | 'source' | 'guidancePlan'>,
  { expectedMs, longestMs }: { readonly expectedMs: number; readonly longestMs: number },
): readonly StepRange[] | undefined {
  // Without a size, the time is that of the largest picture.
  if (size === undefined || steps === undefined || range !== undefined || source !== undefined) return undefined;
  if (expectedMs <= longestMs) return undefined;
  // A link with momentum would begin it again.
  if (hasMomentum(guidancePlan)) return undefined;
  const most = Math.max(1, Math.floor((longestMs * steps) / expectedMs));
  const links = Math.ceil(steps / most);
  if (links === 1) return undefined;
  const startOf = (link: number): number => Math.floor((link * steps) / links);
  return Array.from({ length: links }, (_, link) => ({ firstStep: startOf(link), lastStep: startOf(link + 1) }));
}

/** Returns whether pictures of an endpoint can be bought as chains. */
export const mayChain = (endpoint: string): boolean =>
  endpoint === TRAJECTORY_ENDPOINTS.find((one) => !changesPicture(one));

/**
 * Composes the body of a link: the fields of the range at the end of the whole picture's body. Every other byte stays, so gateway and
 * consumer compose the same bytes.
 * @param body a JSON object with a field, which its reader has parsed.
 */
export function composeLinkBody(body: Uint8Array, { firstStep, lastStep, latent }: RequestRange): Uint8Array {
  const text = utf8Decode(body);
  const start = latent === undefined ? '' : `,"latent":"${latent}"`;
  const fields = `,"first_step":${firstStep},"last_step":${lastStep}${start}}`;
  return utf8Encode(`${text.slice(0, text.lastIndexOf('}'))}${fields}`);
}

/** A link of a chain, as its receipt proves it. */
export interface ChainLink {
  /** The body that its order names. */
  readonly request: Uint8Array;
  readonly header: Pick<TrajectoryHeader, 'choices' | 'range'>;
  readonly modelRoot: Uint8Array;
  /** The signed answer: a latent, or the picture of the last link. */
  readonly response: Uint8Array;
}

/**
 * Checks that the links of a chain make one picture. Their ranges follow one another from the first step to the last one. Each later link
 * begins with the answer of the one before. All have the same model and choices. Every link must have passed its own checks.
 * @param request the body of the whole picture. The bodies of the links must be composed from it.
 */
export function checkChain(crypto: Pick<Crypto, 'sha256'>, request: Uint8Array, links: readonly ChainLink[]): Check {
  const id = 'chain';
  const [first] = links;
  if (first === undefined) return fail(id, 'the chain has no link');
  let next = 0;
  for (const [k, { header, modelRoot, request: asked }] of links.entries()) {
    const { range, choices } = header;
    if (range === undefined) return fail(id, `link ${k} is a whole picture`);
    if (range.firstStep !== next)
      return fail(id, `link ${k} begins with step ${range.firstStep}, and step ${next} is due`);
    if (!equalBytes(modelRoot, first.modelRoot)) return fail(id, `link ${k} is of another model`);
    if (!equalBytes(encodeChoices(choices), encodeChoices(first.header.choices)))
      return fail(id, `link ${k} has another size, guidance, sampler or number of steps`);
    const before = links[k - 1];
    const hash = before && crypto.sha256(before.response);
    if (hash && !(range.latentHash && equalBytes(range.latentHash, hash)))
      return fail(id, `link ${k} does not begin with the answer of link ${k - 1}`);
    const latent = hash && `ogong:media/${toHex(hash)}`;
    if (!equalBytes(asked, composeLinkBody(request, { ...range, latent })))
      return fail(id, `link ${k} answers another request than the one of the picture`);
    next = range.lastStep;
  }
  const { steps } = first.header.choices;
  if (next !== steps) return fail(id, `the chain ends before step ${next} of ${steps}`);
  return pass(id, `${links.length} links, each from the answer of the one before, run ${steps} steps`);
}
