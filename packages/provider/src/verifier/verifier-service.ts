import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { getCaller, type MethodName } from '@ogong/host/link/link-server';
import { toHex } from '@ogong/protocol/base/bytes';
import { MAX_REVEAL_BYTES, MAX_SENT_JOB_BYTES } from '@ogong/protocol/exchange/limits';
import {
  type EndorseRequest,
  type TraceClaimRequest,
  VerifierService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { findModality } from '../modality/registry.ts';
import { answerScoreRequest } from './commit-report.ts';
import { revealReport } from './reveal-report.ts';
import { countJob, runJob, type VerifierCall } from './run-job.ts';
import { findEngine } from './scorer.ts';
import { isValidator, type VerifierState } from './verifier-state.ts';

const nameMethod = ({ name }: { readonly name: string }): MethodName => `${VerifierService.typeName}/${name}`;
const GUEST_METHODS: ReadonlySet<MethodName> = new Set(
  [VerifierService.method.commit, VerifierService.method.reveal].map(nameMethod),
);
const OPEN_METHOD = nameMethod(VerifierService.method.endorse);

/**
 * Registered validators may call every method, peers that calibrate may have replies scored, and anybody may read an
 * endorsement.
 */
export function mayCall(
  state: Pick<VerifierState, 'guests'> & Parameters<typeof isValidator>[0],
  peer: PeerId,
  method: MethodName,
): boolean {
  if (method === OPEN_METHOD || isValidator(state, peer)) return true;
  return GUEST_METHODS.has(method) && state.guests.has(toHex(peer));
}

export function addVerifierRoutes(router: ConnectRouter, state: VerifierState): void {
  const { method } = VerifierService;
  const callOf = (context: HandlerContext): VerifierCall => ({ caller: getCaller(context), signal: context.signal });
  router.rpc(
    method.commit,
    (message, context) => countJob(state, 'scored', answerScoreRequest(state, message, callOf(context))),
    { readMaxBytes: MAX_SENT_JOB_BYTES },
  );
  router.rpc(method.reveal, (message, context) => revealReport(state, message, getCaller(context)), {
    readMaxBytes: MAX_REVEAL_BYTES,
  });
  router.rpc(method.endorse, (message) => endorse(state, message), { readMaxBytes: MAX_REVEAL_BYTES });
  router.rpc(method.trace, (message, context) => countJob(state, 'traced', trace(state, message, callOf(context))), {
    readMaxBytes: MAX_SENT_JOB_BYTES,
  });
}

/** Anybody may read this: it is announced to all. @throws Refusal */
function endorse({ findEndorsement }: Pick<VerifierState, 'findEndorsement'>, { providerId }: EndorseRequest) {
  const endorsement = findEndorsement(providerId);
  if (endorsement === undefined) throw new Refusal('not-found', 'this verifier does not work for that provider');
  return endorsement;
}

async function trace(state: VerifierState, { job: wire, record, position }: TraceClaimRequest, call: VerifierCall) {
  const { crypto, engines, signer } = state;
  if (wire === undefined) throw new Refusal('invalid', 'the job is missing');
  const engine = findEngine(engines, wire.modelRoot);
  const { tracing } = findModality(engine);
  if (tracing === undefined) throw new Refusal('unsupported', 'only texts have positions to be traced');
  const job = tracing.openJob(wire, { record, position }, { engine, crypto, signer });
  return runJob(state, job, { timeoutMs: wire.timeoutMs, ...call }, job.trace);
}
