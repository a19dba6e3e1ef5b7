import type { PeerId } from '@ogong/host/link/link-identity';
import type { MethodName, MethodRates } from '@ogong/host/link/link-server';
import type { ChainView } from '@ogong/host/views/chain-view';
import { MAX_COMMITTEE_MEMBERS } from '@ogong/protocol/beacon/threshold/tickets';
import type { OpeningGrants } from './intake/opening-grants.ts';
import { BEACON_METHOD, PEER_METHODS, PROOF_METHOD } from './routes.ts';

/** Covers deals, answers and questions of a key generation, and epochs that are signed late. */
const BEACON_BURST = 1_000;

/**
 * Returns the burst of beacon messages that one validator may send another. Each committee member may complain about
 * each dealer once, and all members forward each complaint once. Liars that complain about every dealer cause most of
 * these messages.
 */
function computeBeaconBurst(validators: number): number {
  return BEACON_BURST + Math.min(validators, MAX_COMMITTEE_MEMBERS) ** 2;
}

const BEACON_RATE = { perSecond: 100, burst: BEACON_BURST, isApart: true };

/** Rate limits of methods that cost more than a database read. For a complaint the validator replays a whole reply. */
export const VALIDATOR_RATES: MethodRates = {
  'ogong.v1.ValidatorService/Complain': { perSecond: 2, burst: 50 },
  // One call for each reply that a gateway buys. Another record of the same order costs one signature of each kind.
  'ogong.v1.ValidatorService/Acknowledge': { perSecond: 100, burst: 500, mayBeEarned: true },
  // Up to 64 calls a second while many epochs are signed late, and more at once while many members complain about
  // dealers.
  [BEACON_METHOD]: BEACON_RATE,
  // A list has at least four replies, and each counts as one call of Acknowledge. The server reads up to a megabyte
  // first.
  'ogong.v1.ValidatorService/AcknowledgeAll': { perSecond: 25, burst: 125, mayBeEarned: true },
  // One call for each reply that broke off. The validator opens a sealed part and checks its opening.
  'ogong.v1.ValidatorService/PushMilestone': { perSecond: 5, burst: 50 },
  // A provider announces itself every ten seconds.
  'ogong.v1.ValidatorService/Announce': { perSecond: 2, burst: 50 },
  // The validator signs the key once in half an hour. A gateway asks once in five minutes, and once a minute after a
  // restart of this validator.
  'ogong.v1.ValidatorService/GetSealKey': { perSecond: 1, burst: 25 },
  // The validator signs the receipt. A client that follows a reply into the log asks once.
  'ogong.v1.ValidatorService/GetIntake': { perSecond: 1, burst: 25 },
  // Each call may lead to a call to a provider, and checks signatures.
  'ogong.v1.ValidatorService/Witness': { perSecond: 25, burst: 250 },
  // Reads the events of a period once. The validators ask in turn.
  'ogong.v1.ValidatorService/SignAllotment': { perSecond: 1, burst: 10 },
  // Signs each reading of its source once. The validators ask for all assets in turn.
  'ogong.v1.ValidatorService/SignPrice': { perSecond: 2, burst: 40 },
  // Checks certificates and signs. Each validator asks once a week for each machine, and providers ask for their own.
  'ogong.v1.ValidatorService/CertifyMachine': { perSecond: 1, burst: 25 },
  // Checks certificates and signatures, and signs. Each validator asks once for each ejection of a provider.
  'ogong.v1.ValidatorService/SignMachineEjection': { perSecond: 1, burst: 25 },
  // A hardware report takes about 10 ms. All callers with the same nonce share one report.
  'ogong.v1.ValidatorService/GetEvidence': { perSecond: 5, burst: 20 },
  'ogong.v1.ValidatorService/GetMachineEvidence': { perSecond: 2, burst: 25 },
  // May read the events of a period, once for each tally from which somebody claims.
  'ogong.v1.ValidatorService/GetEmissionUnits': { perSecond: 2, burst: 40 },
  // One call for each batch that a validator is about to co-sign. Reads a row for each of its replies.
  'ogong.v1.ValidatorService/ListHeard': { perSecond: 5, burst: 100 },
  // Each validator asks a few others every ten seconds.
  'ogong.v1.ValidatorService/HandAnnouncements': { perSecond: 1, burst: 10 },
  // One call for each reply that a provider or a reader follows.
  'ogong.v1.ValidatorService/GetReply': { perSecond: 40, burst: 250, mayBeEarned: true },
  // A gateway asks about 64 replies at once, and again while more wait for their verdicts.
  'ogong.v1.ValidatorService/GetReplies': { perSecond: 2, burst: 32, mayBeEarned: true },
  // Reads up to a thousand entries for a validator, a quarter of that for a stranger.
  'ogong.v1.ValidatorService/ListVerdicts': { perSecond: 2, burst: 40 },
  // Reads up to four thousand rows.
  'ogong.v1.ValidatorService/GetTests': { perSecond: 1, burst: 25 },
  // Reads up to a fifth of a megabyte, once for each set in which the caller had no place.
  'ogong.v1.ValidatorService/GetMembers': { perSecond: 2, burst: 40 },
  // Reads up to a quarter of a megabyte.
  'ogong.v1.ValidatorService/GetHead': { perSecond: 1, burst: 10 },
  // Hashes all entries of a batch, unless the batch is in memory from a recent call.
  'ogong.v1.ValidatorService/GetSettled': { perSecond: 1, burst: 25 },
};

/** @param countValidators returns the size of the registry at the last reading. */
export const ratesOf = (countValidators: () => number): MethodRates => ({
  ...VALIDATOR_RATES,
  [BEACON_METHOD]: { ...BEACON_RATE, burstNow: () => computeBeaconBurst(countValidators()) },
});

interface AccessDependencies {
  readonly chain: Pick<ChainView, 'findByCertHash' | 'recallByCertHash'>;
  readonly grants: Pick<OpeningGrants, 'has'>;
}

/** Checks which peer may call a method, before a byte of the message is read. */
export function createAccess({ chain, grants }: AccessDependencies) {
  return (peer: PeerId, method: MethodName): boolean => {
    if (method === BEACON_METHOD) return chain.recallByCertHash(peer) !== undefined;
    if (PEER_METHODS.has(method)) return chain.findByCertHash(peer) !== undefined;
    return method !== PROOF_METHOD || grants.has(peer);
  };
}
