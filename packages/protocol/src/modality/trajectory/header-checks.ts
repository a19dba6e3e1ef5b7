import { equalBytes } from '../../base/bytes.ts';
import { type Check, check, fail, pass, skip } from '../../base/checks.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { checkBank, checkOrder, checkPayee, type OrderContext } from '../../stage1/common-checks.ts';
import { checkDemands } from '../demands.ts';
import { readMediaHash } from '../media/media.ts';
import type { LocalReplyContext } from '../modality.ts';
import { VALUE_BYTES } from '../shared/values.ts';
import { checkDrawKey } from '../text/stage1/header-checks.ts';
import { checkLocalDrawKey } from '../text/stage1/local-checks.ts';
import { isSamePlan } from './guidance-plan.ts';
import type { HeaderSource, TrajectoryHeader } from './header.ts';
import { findHiddenProblem } from './hidden/hidden-replay.ts';
import { countUnits, PIXEL_BYTES } from './picture-size.ts';
import { areSame, projectValues } from './projection.ts';
import { type AskedPicture, boundUnits } from './request.ts';
import { type AskedSource, countRun, type RequestSource } from './request-picture.ts';
import { answersLatent, type HeaderRange, type RequestRange, type StepRange } from './step-range.ts';

export interface TrajectoryContext extends OrderContext {
  readonly request: AskedPicture;
}

/** Checks that a picture's header agrees with order, request and beacon. */
export function checkTrajectoryHeader(
  crypto: Crypto,
  header: TrajectoryHeader,
  { order, request, response, beacon }: TrajectoryContext,
): readonly Check[] {
  const hasTier = request.model.startsWith(`ogong/${header.tier}/`);
  return [
    checkOrder(header, order),
    checkChoices(header, { request, choice: order.choice, hasTier }),
    checkDrawKey(header, order, request, beacon),
    ...checkPicture(crypto, header, response),
    checkBank(crypto, header, order, beacon, header.sketchDirections),
    checkPayee(header, order),
    ...checkDemands(header, order, request),
  ];
}

/** Checks the header of a picture that a machine made for its own user. */
export function checkLocalTrajectoryHeader(
  crypto: Crypto,
  header: TrajectoryHeader,
  { request, record, response, hasTier }: LocalReplyContext & { readonly request: AskedPicture },
): readonly Check[] {
  return [
    checkChoices(header, { request, choice: header.choice, hasTier }),
    checkLocalDrawKey(header, record, request),
    ...checkPicture(crypto, header, response),
  ];
}

/**
 * Checks that the header resolves the request: a stated choice as stated, any other within the bound of the fee. A verifier of the same
 * model checks the model's own choices.
 */
function checkChoices(
  header: TrajectoryHeader,
  { request, choice, hasTier }: { readonly request: AskedPicture; readonly choice: number; readonly hasTier: boolean },
): Check {
  const { choices, endpoint, parts, facts, source, range } = header;
  const { size, steps, guidanceQ16, guidancePlan, sampler } = request;
  const differs = (asked: unknown, made: unknown): boolean => asked !== undefined && asked !== made;
  const wrong = [
    ...(endpoint === request.endpoint ? [] : ['endpoint']),
    ...(differs(size?.width, choices.width) || differs(size?.height, choices.height) ? ['size'] : []),
    ...(differs(steps, choices.steps) || findHiddenProblem(header) !== undefined ? ['steps'] : []),
    ...(differs(guidanceQ16, choices.guidanceQ16) ? ['guidance'] : []),
    ...(isSamePlan(guidancePlan, choices.guidancePlan) ? [] : ['guidance window or momentum']),
    ...(choices.sampler === (sampler ?? facts.scheduler.sampler) ? [] : ['sampler']),
    ...(countUnits(choices, countRun(choices.steps, source ?? range)) <= boundUnits(request) ? [] : ['units']),
    ...listSourceDifferences(source, request.source),
    ...listRangeDifferences(range, request.range),
    ...(header.choice === choice && choice < request.choices ? [] : ['n']),
    ...(hasTier ? [] : ['tier']),
    // Models of pictures run without adapters.
    ...(parts.length === 0 ? [] : ['adapters']),
  ];
  if (wrong.length > 0) return fail('choices', `committed differently from the request: ${wrong.join(', ')}`);
  return pass('choices', `${choices.width}x${choices.height} pixels, ${choices.steps} steps, as requested`);
}

/** Lists the differences of a picture to change. The hashes are compared if the request is at hand, and not its summary alone. */
function listSourceDifferences(
  made: HeaderSource | undefined,
  asked: AskedSource | RequestSource | undefined,
): readonly string[] {
  if (made === undefined || asked === undefined) return made === asked ? [] : ['image'];
  const files = 'picture' in asked ? asked : undefined;
  const isFile = (hash: Uint8Array | undefined, file: string | undefined): boolean =>
    hash === undefined || file === undefined || equalBytes(hash, readMediaHash(file));
  return [
    ...(made.strengthQ16 === asked.strengthQ16 ? [] : ['strength']),
    ...(isFile(made.pictureHash, files?.picture) ? [] : ['image']),
    ...((made.mask !== undefined) === asked.hasMask && isFile(made.mask?.fileHash, files?.mask) ? [] : ['mask']),
  ];
}

/** Lists the differences of a link. The latent is compared if the request is at hand, and not its summary alone. */
function listRangeDifferences(
  made: HeaderRange | undefined,
  asked: StepRange | RequestRange | undefined,
): readonly string[] {
  const { latentHash } = made ?? {};
  const latent = asked && 'latent' in asked ? asked.latent : undefined;
  const isLatent = latentHash === undefined || latent === undefined || equalBytes(latentHash, readMediaHash(latent));
  return [
    ...(made?.firstStep === asked?.firstStep ? [] : ['first_step']),
    ...(made?.lastStep === asked?.lastStep ? [] : ['last_step']),
    ...(isLatent ? [] : ['latent']),
  ];
}

/** Checks the size of the served bytes, and that the committed projection is theirs. */
function checkPicture(crypto: Crypto, header: TrajectoryHeader, response: Uint8Array | undefined): readonly Check[] {
  const { choices, pixels, sketchBankSeed, range, embeddingSize } = header;
  if (response === undefined) {
    const reason = 'the picture is not shown here';
    return [skip('response-size', reason), skip('pixels', reason)];
  }
  const isLatent = answersLatent(choices.steps, range);
  const bytes = isLatent ? embeddingSize * VALUE_BYTES : choices.width * choices.height * PIXEL_BYTES;
  const what = isLatent ? `${embeddingSize} values` : `${choices.width}x${choices.height} pixels`;
  if (response.length !== bytes)
    return [fail('response-size', `${what} are ${bytes} bytes, and ${response.length} were served`)];
  const answer = isLatent ? 'latent' : 'picture';
  return [
    pass('response-size', `${bytes} bytes of ${what}`),
    check('pixels', areSame(projectValues(crypto, sketchBankSeed, response), pixels), [
      `the committed projection is that of the served ${answer}`,
      `the committed projection is not that of the served ${answer}`,
    ]),
  ];
}
