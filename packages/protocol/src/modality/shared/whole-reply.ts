import { type Check, fail, type Outcome, pass, skip } from '../../base/checks.ts';
import type { CommonHeader } from '../../commitment/common-header.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { checkBank, checkOrder, checkPayee, checkRoom, type OrderContext } from '../../stage1/common-checks.ts';
import { isEqualityDue } from '../../tier/exact-class.ts';
import { judgeOutcome } from '../../tier/outcome.ts';
import type { TierEntry } from '../../tier/tier.ts';
import { checkDemands } from '../demands.ts';
import type { CommonRequest, ReplayedReply } from '../modality.ts';
import type { Fault } from '../text/stage2/fault.ts';

// A whole reply leaves at once, after passes over a request that a verifier runs again. The verifier sees nothing of the answer.

/** Facts of the request that every header repeats. */
export interface AskedWhole {
  readonly request: { readonly endpoint: string };
  readonly choice: number;
  /** Whether the request names the header's tier. */
  readonly hasTier: boolean;
}

/**
 * Checks the fields that the request fixes.
 * @param own.wrong names of the modality's own fields that differ. @param own.detail of a pass.
 */
export function checkAsked(
  header: CommonHeader,
  { request, choice, hasTier }: AskedWhole,
  own: { readonly wrong: readonly string[]; readonly detail: string },
): Check {
  const wrong = [
    ...(header.endpoint === request.endpoint ? [] : ['endpoint']),
    ...own.wrong,
    ...(header.choice === choice && choice === 0 ? [] : ['choice']),
    ...(hasTier ? [] : ['tier']),
    // These models run without adapters.
    ...(header.parts.length === 0 ? [] : ['adapters']),
  ];
  if (wrong.length > 0) return fail('inputs', `committed differently from the request: ${wrong.join(', ')}`);
  return pass('inputs', own.detail);
}

/** Checks that a header agrees with order, request and beacon. @param own checks of inputs and size. @param room of the longest pass. */
export function checkWholeHeader(
  crypto: Crypto,
  header: CommonHeader,
  {
    context: { order, request, beacon },
    checkInputs,
    size,
    room,
  }: {
    readonly context: OrderContext & {
      readonly request: Pick<CommonRequest, 'model' | 'demands'> & AskedWhole['request'];
    };
    readonly checkInputs: (asked: AskedWhole) => Check;
    readonly size: Check;
    readonly room: number;
  },
): readonly Check[] {
  return [
    checkOrder(header, order),
    checkInputs({ request, choice: order.choice, hasTier: request.model.startsWith(`ogong/${header.tier}/`) }),
    size,
    checkBank(crypto, header, order, beacon),
    checkPayee(header, order),
    checkRoom(room, order.contextSize),
    ...checkDemands(header, order, request),
  ];
}

/** A verifier's report about a whole reply. */
interface RerunReport {
  readonly jobId: Uint8Array;
  readonly numericClass: string;
  /** The verifier's claim that its passes reproduce the provider's declared class bit for bit. */
  readonly exact: boolean;
  readonly elapsedMs: number;
}

/** The outcome of one report. */
export interface RerunVerdict {
  readonly outcome: Outcome;
  readonly checks: readonly Check[];
  /** The fault of a reject by a value that is the same in every class. */
  readonly fault?: Fault;
}

/** Comparisons of a claim with a report. */
export interface RerunComparison {
  /** Checks of values that are the same in every class. */
  readonly facts: readonly Check[];
  /** Encodes these values of the report. */
  readonly encodeFacts: () => Uint8Array;
  readonly checkEquality: () => Check;
  readonly judgeDistance: () => { readonly outcome: Outcome; readonly check: Check };
  readonly tiers: readonly TierEntry[] | undefined;
}

/** Runs stage 2: one verifier's well-formed report against the committed reply. */
export function weighRerun(
  header: Pick<CommonHeader, 'tier' | 'numericClass'>,
  report: Pick<RerunReport, 'numericClass' | 'exact'>,
  { facts, encodeFacts, checkEquality, judgeDistance, tiers }: RerunComparison,
): RerunVerdict {
  const { tier } = header;
  // A tier treats a difference of facts like one in an exact class.
  if (facts.some(({ status }) => status === 'fail')) {
    const fault = { isFact: true, seen: encodeFacts() };
    return { ...judgeOutcome(tier, { outcome: 'reject', checks: facts, exact: true }, tiers), fault };
  }
  if (isEqualityDue(report, header)) {
    const equality = checkEquality();
    const outcome = equality.status === 'pass' ? 'accept' : 'reject';
    return judgeOutcome(tier, { outcome, checks: [...facts, equality], exact: true }, tiers);
  }
  const left = skip('equality', `no exact class: provider ${header.numericClass}, verifier ${report.numericClass}`);
  const { outcome, check: distance } = judgeDistance();
  return judgeOutcome(tier, { outcome, checks: [...facts, left, distance], exact: false }, tiers);
}

export interface WholeReplay<H extends CommonHeader, R extends RerunReport> {
  /** Name of the modality. */
  readonly modality: string;
  readonly modelRoot: Uint8Array;
  /** Checks of stage 1. */
  readonly checks: readonly Check[];
  /** The header, if there is one. */
  readonly header: H | undefined;
  readonly encodeHeader: (header: H) => Uint8Array;
  /** Redacts a header for a verifier: fields that identify the reply, or contain the provider's results, become zero. */
  readonly redactHeader: (header: H) => H;
  /** @throws ProtocolError */
  readonly parseReport: (bytes: Uint8Array) => R;
  readonly encodeReport: (report: R) => Uint8Array;
  /** Checks whether a report answers the job at all. */
  readonly checkReport: (report: R, jobId: Uint8Array) => Check;
  readonly weigh: (report: R) => RerunVerdict;
}

/** Describes a whole reply to audits. Jobs and reports exist only for a reply with a header. */
export function createWholeReply<H extends CommonHeader, R extends RerunReport>({
  modality,
  modelRoot,
  checks,
  header: found,
  ...form
}: WholeReplay<H, R>): ReplayedReply {
  const header = found as H;
  return {
    checks,
    header: found,
    describeJob: (endpoint) => ({
      ...{ endpoint, modelRoot, modality },
      header: form.encodeHeader(form.redactHeader(header)),
      sketchBankSeed: header.sketchBankSeed,
      // The request contains everything that a verifier needs, so it sees nothing of the answer.
      claim: new Uint8Array(0),
    }),
    readReport(bytes, { jobId }) {
      const report = form.parseReport(bytes);
      const shape = form.checkReport(report, jobId);
      if (shape.status !== 'pass') return { problem: shape.detail };
      return {
        numericClass: report.numericClass,
        claimsExact: isEqualityDue(report, header),
        isBlank: false,
        tokens: header.promptTokenCount,
        finding: form.encodeReport({ ...report, jobId: new Uint8Array(16), elapsedMs: 0 }),
        weigh: () => ({ ...form.weigh(report), comparison: undefined }),
      };
    },
  };
}
