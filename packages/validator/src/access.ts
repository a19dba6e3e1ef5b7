import type { PeerId } from '@ogong/host/link/link-identity';
import type { MethodName, MethodRates } from '@ogong/host/link/link-server';
import type { ChainView } from '@ogong/host/views/chain-view';
import { MAX_COMMITTEE_MEMBERS } from '@ogong/protocol/beacon/threshold/tickets';
import type { OpeningGrants } from './intake/opening-grants.ts';
import { BEACON_METHOD, PEER_METHODS, PROOF_METHOD } from './routes.ts';

/** Deals, answers and questions of a key generation, and epochs that are signed late. */
const BEACON_BURST = 1_000;

/**
 * What a validator may send another at once about the beacon. Each seat may complain about each dealer once, and each complaint is handed on once
 * by everybody to everybody; liars that complain about all make most of that true.
 */
function computeBeaconBurst(validators: number): number {
  return BEACON_BURST + Math.min(validators, MAX_COMMITTEE_MEMBERS) ** 2;
}

const BEACON_RATE = { perSecond: 100, burst: BEACON_BURST, isApart: true };

/** Of methods that cost more than a read of the database; for a complaint the validator replays a whole reply. */
export const VALIDATOR_RATES: MethodRates = {
  'ogong.v1.ValidatorService/Complain': { perSecond: 2, burst: 50 },
  // One for each reply that a gateway buys; another record of the same order costs a signature of each kind.
  'ogong.v1.ValidatorService/Acknowledge': { perSecond: 100, burst: 500, mayBeEarned: true },
  // Up to sixty-four times a second where many epochs are signed late, and more at once where many complain while keys are dealt.
  [BEACON_METHOD]: BEACON_RATE,
  // Has at least four replies, of which each counts as one of Acknowledge: up to a megabyte is read before that.
  'ogong.v1.ValidatorService/AcknowledgeAll': { perSecond: 25, burst: 125, mayBeEarned: true },
  // One for each reply that broke off; a sealed part is opened, and its opening checked.
  'ogong.v1.ValidatorService/PushMilestone': { perSecond: 5, burst: 50 },
  // A provider announces itself every ten seconds.
  'ogong.v1.ValidatorService/Announce': { perSecond: 2, burst: 50 },
  // Signs once in half an hour. A gateway asks once in five minutes, and once a minute after a restart of this validator.
  'ogong.v1.ValidatorService/GetSealKey': { perSecond: 1, burst: 25 },
  // Signs. Who follows a reply into the log asks once.
  'ogong.v1.ValidatorService/GetIntake': { perSecond: 1, burst: 25 },
  // Each may ask a provider, and checks signatures.
  'ogong.v1.ValidatorService/Witness': { perSecond: 25, burst: 250 },
  // Reads the events of a period, once; each validator asks in its turn.
  'ogong.v1.ValidatorService/SignAllotment': { perSecond: 1, burst: 10 },
  // Signs each reading of its source once; a validator asks for all assets in its turn.
  'ogong.v1.ValidatorService/SignPrice': { perSecond: 2, burst: 40 },
  // Checks certificates and signs; each validator asks once a week for each machine, and providers for themselves.
  'ogong.v1.ValidatorService/CertifyMachine': { perSecond: 1, burst: 25 },
  // Checks certificates and signatures, and signs; each validator asks once for each provider that is to be ejected.
  'ogong.v1.ValidatorService/SignMachineEjection': { perSecond: 1, burst: 25 },
  // A report of hardware takes some 10 ms, and is made once for all who ask the same.
  'ogong.v1.ValidatorService/GetEvidence': { perSecond: 5, burst: 20 },
  'ogong.v1.ValidatorService/GetMachineEvidence': { perSecond: 2, burst: 25 },
  // May read the events of a period; once for each tally that somebody claims of.
  'ogong.v1.ValidatorService/GetEmissionUnits': { perSecond: 2, burst: 40 },
  // Once for each batch that somebody is about to co-sign; reads a row for each of its replies.
  'ogong.v1.ValidatorService/ListHeard': { perSecond: 5, burst: 100 },
  // Each validator asks a few others every ten seconds.
  'ogong.v1.ValidatorService/HandAnnouncements': { perSecond: 1, burst: 10 },
  // Once for each reply that a provider or a reader follows.
  'ogong.v1.ValidatorService/GetReply': { perSecond: 40, burst: 250, mayBeEarned: true },
  // A gateway asks about 64 replies at once, and again while more wait for their verdicts.
  'ogong.v1.ValidatorService/GetReplies': { perSecond: 2, burst: 32, mayBeEarned: true },
  // Reads up to a thousand entries for a validator, a quarter of that for a stranger.
  'ogong.v1.ValidatorService/ListVerdicts': { perSecond: 2, burst: 40 },
  // Reads up to four thousand rows.
  'ogong.v1.ValidatorService/GetTests': { perSecond: 1, burst: 25 },
  // Reads up to a fifth of a megabyte; once for each set that a validator was not there for.
  'ogong.v1.ValidatorService/GetMembers': { perSecond: 2, burst: 40 },
  // Reads up to a quarter of a megabyte.
  'ogong.v1.ValidatorService/GetHead': { perSecond: 1, burst: 10 },
  // Hashes all entries of a batch, where nobody asked about the batch a little while ago.
  'ogong.v1.ValidatorService/GetSettled': { perSecond: 1, burst: 25 },
};

/** @param countValidators of the registry, as it was read last. */
export const ratesOf = (countValidators: () => number): MethodRates => ({
  ...VALIDATOR_RATES,
  [BEACON_METHOD]: { ...BEACON_RATE, burstNow: () => computeBeaconBurst(countValidators()) },
});

interface AccessDependencies {
  readonly chain: Pick<ChainView, 'findByCertHash' | 'recallByCertHash'>;
  readonly grants: Pick<OpeningGrants, 'has'>;
}

/** Who may call what, decided before a byte of the message is read. */
export function createAccess({ chain, grants }: AccessDependencies) {
  return (peer: PeerId, method: MethodName): boolean => {
    if (method === BEACON_METHOD) return chain.recallByCertHash(peer) !== undefined;
    if (PEER_METHODS.has(method)) return chain.findByCertHash(peer) !== undefined;
    return method !== PROOF_METHOD || grants.has(peer);
  };
}
