import type { MachinePolicy } from '@ogong/attestation/policy-file';
import type { Address } from '@ogong/chain/hex';
import type { Attester } from '@ogong/host/attester/attester';
import { rememberChecked } from '@ogong/host/crypto/remember-checked';
import type { Secret } from '@ogong/host/crypto/secret';
import type { HostPort } from '@ogong/host/link/host-port';
import type { LinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool, type LinkPool, type Peer } from '@ogong/host/link/link-pool';
import { toDialPolicy } from '@ogong/host/link/public-address';
import type { Metrics } from '@ogong/host/metrics/metrics';
import { createGroupCommit, type GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import { type AwakeClock, createAwakeClock } from '@ogong/host/time/awake-clock';
import type { Clock } from '@ogong/host/time/clock';
import { findEra } from '@ogong/host/views/beacon-generations';
import { type BeaconView, createBeaconView } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import { createEarningsView, type EarningsView } from '@ogong/host/views/earnings-view';
import type { ModelRoots } from '@ogong/host/views/model-roots';
import { createOrderKeys, type OrderKeyView } from '@ogong/host/views/order-keys';
import { createStakeView, type StakeView } from '@ogong/host/views/stake-view';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { parseEpochCertificate } from '@ogong/protocol/beacon/epoch-certificate';
import type { EpochMember } from '@ogong/protocol/beacon/validator-set';
import { MAX_OPENING_BYTES } from '@ogong/protocol/commitment/opening';
import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { PartTable } from '@ogong/protocol/settlement/packed-entry';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import type { OrderBeacon } from '@ogong/protocol/stage1/common-checks';
import type { DriftPolicy } from '@ogong/protocol/verdict/drift-policy';
import type { Logger } from 'pino';
import type { Holdings } from './audit/deterrence.ts';
import { createMemberQuestions } from './beacon/ask-members.ts';
import { type BeaconArchive, createBeaconArchive } from './beacon/beacon-archive.ts';
import type { ThresholdParts } from './beacon/threshold-state.ts';
import { createValidatorMetrics, type ValidatorMetrics } from './metrics.ts';
import type { PricingState } from './prices/price-state.ts';
import { requestEpoch } from './request-epoch.ts';
import { MAX_EVIDENCE_BYTES } from './route-dependencies.ts';
import { createLedgerHistory } from './settlement/ledger-history.ts';
import type { Summing } from './settlement/settlement-state.ts';
import { noStakes, type RequiredStakes } from './store/candidates.ts';
import { createKnownParts } from './store/known-parts.ts';
import type { VerdictContext } from './store/verdict-store.ts';

export interface ValidatorOptions {
  readonly bind: HostPort;
  /** Audit coverage, 0..1, never below the network's. */
  readonly alpha: number;
  /** Extra coverage, on average, for suspicious replies, 0..1. Default: 0. */
  readonly extraAlpha?: number;
  /** Share of audits with two verifiers at the same time, 0..1; not below the network's. */
  readonly pairs?: number;
  readonly epochMs: number;
  readonly settleMs: number;
  readonly auditWindowMs: number;
  /** Time after its order's expiry at which an undelivered reply counts as abandoned. Default: 60,000. */
  readonly graceMs?: number;
  /** Audits at a time. Default: 8. */
  readonly auditConcurrency?: number;
  /** Longest wait for one commitment or report. Default: a third of the audit window, at most a minute. */
  readonly callTimeoutMs?: number;
  /** Pause between two readings of the verifiers' stakes. Default: 10,000. */
  readonly stakeMs?: number;
  /** Time for which bodies, reports and traces of settled replies are stored. Default: an hour. */
  readonly retentionMs?: number;
  /** True if this validator admits no orders. Default: false. */
  readonly isDraining?: boolean;
  readonly fixedVerifier?: Peer | undefined;
  /** The drift policy for scores between different classes. Default: fixed thresholds. */
  readonly drift?: DriftPolicy | undefined;
  /** Registry in which the weights behind a name are looked up. Default: the root in the order is trusted. */
  readonly modelRoots?: ModelRoots | undefined;
  /** Machines of tier `tee` that this validator trusts. Default: none, so no record of that tier is accepted. */
  readonly machinePolicy?: MachinePolicy | undefined;
  /** Whole tokens that a key must have at stake to answer in a tier, by the network's deployment. Default: none. */
  readonly tierStakes?: ReadonlyMap<string, bigint> | undefined;
  /** Signatures needed before a batch is submitted, own included, beside the quorum of stake. Default: 1. */
  readonly minSignatures?: number;
  /** Settings for aggregating many signatures into one. Default: signatures are sent one by one. */
  readonly sums?: Summing | undefined;
  /** Domain of the emission contract, for whose tallies this validator signs. Default: the network has none. */
  readonly emission?: LedgerDomain | undefined;
  /**
   * Duties on a network that burns and mints: close epochs, and post prices if this validator is a feed. Default: none.
   */
  readonly burnAndMint?: BurnAndMintDuty | undefined;
  /** Domain of the registry of machines. Default: the network has none. */
  readonly machines?: LedgerDomain | undefined;
  /** Settings for buying answers of providers that the beacon draws. Default: none. */
  readonly canaries?: CanaryOptions | undefined;
  /** Addresses of validators that replace those of the registry, by the hex hash of their certificates. */
  readonly peerEndpoints?: ReadonlyMap<string, HostPort>;
}

/** Duties of a validator on a network that burns and mints. */
export interface BurnAndMintDuty {
  readonly token: Address;
  /** Domain of the oracle. */
  readonly oracle: LedgerDomain;
  /** Undefined if this validator is no price feed. */
  readonly feed?: { readonly key: LedgerSigner; readonly read: PricingState['read'] } | undefined;
  /** Pause between two readings of prices and epochs. */
  readonly intervalMs: number;
}

/** Gateway, keys and texts of canaries. */
export interface CanaryOptions {
  /** Where there is one alone, no test counts as missed. */
  readonly gateways: readonly CanaryGateway[];
  /** Result of joinTexts. */
  readonly texts: string;
  /** 0..1. */
  readonly random: () => number;
}

export interface CanaryGateway {
  readonly gateway: string;
  /** Each canary uses one of them, as many consumers would. */
  readonly keys: readonly Secret<string>[];
}

export interface ValidatorDependencies {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Opened with VALIDATOR_SCHEMA; stays open after stop. */
  readonly store: Store;
  /**
   * Handles all writes to the store. A stopping validator closes it. Default: each commit is synced on the event loop.
   */
  readonly group?: GroupCommit | undefined;
  readonly signer: ValidatorSigner;
  /** Ed25519 seed, 32 bytes. */
  readonly vrfSeed: Uint8Array;
  /** Secrets and library for the threshold beacon. Default: only the bootstrap beacon runs. */
  readonly threshold?: ThresholdParts | undefined;
  readonly identity: LinkIdentity;
  /** The caller starts and stops it. */
  readonly chain: ChainView;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;
  readonly metrics: Metrics;
  /** Produces evidence of this validator's own machine. Default: none. */
  readonly attester?: Attester | undefined;
}

/** The state that the services of a validator share. */
export interface ValidatorState extends Omit<ValidatorDependencies, 'metrics' | 'group'> {
  readonly options: ValidatorOptions;
  readonly metrics: ValidatorMetrics;
  readonly group: GroupCommit;
  readonly archive: BeaconArchive;
  readonly learnOrderKey: OrderKeyView['learn'];
  /** Links to providers and verifiers. */
  readonly links: LinkPool;
  /** Links to other validators. */
  readonly peerLinks: LinkPool;
  readonly beacons: BeaconView;
  /** Asks other validators for the members of an epoch that this validator missed. */
  readonly askMembers: ReturnType<typeof createMemberQuestions>;
  /** Skipped epochs that a caller has requested. The beacon signs them and empties the set. */
  readonly wanted: Set<bigint>;
  readonly history: ReturnType<typeof createLedgerHistory>;
  readonly earnings: EarningsView;
  /** Parts of batch entries that packed entries name by hash. */
  readonly knownParts: () => PartTable;
  /** Stakes of verifiers' payees. */
  readonly stakes: StakeView;
  /** Clock that runs only while this validator can act. */
  readonly awake: AwakeClock;
  readonly verdicts: VerdictContext;
  /** Domain of the settlement contract. */
  readonly domain: LedgerDomain;
  /** Aborted when the validator stops, which cancels open calls. */
  readonly stopping: AbortController;
  /** Time at which the latest beacon was certified, by `awake`. */
  certifiedMs: number;
  /** The hash of the drift table that the chain named last. */
  seenTable: string | undefined;
}

export const PPM = 1_000_000;
const ASK_TIMEOUT_MS = 2_000;
/** The longest opening or report. */
const MAX_ANSWER_BYTES = MAX_OPENING_BYTES + 2 ** 20;
/** Without a beacon for so many epochs, a validator assumes that it is disconnected. */
const CUT_OFF_EPOCHS = 4;
const CUT_OFF_MS = 10_000;

export function openValidatorState(options: ValidatorOptions, dependencies: ValidatorDependencies): ValidatorState {
  const { store, signer, identity, chain, clock } = dependencies;
  const { chainId } = chain.ledger;
  const { crypto, learn: learnOrderKey } = createOrderKeys(rememberChecked(dependencies.crypto), chain.ledger, {
    clock,
    readLimit: async (...parties) => (await chain.client()).keyLimitOf(...parties),
  });
  const { group = createGroupCommit(store) } = dependencies;
  // No message leaves before everything committed by then is on the disk.
  const beforeCall = group.synced;
  const reach = { identity, beforeCall, dialPolicy: toDialPolicy(chainId) };
  const links = createLinkPool({ ...reach, limits: { maxMessageBytes: MAX_ANSWER_BYTES } });
  const peerLinks = createLinkPool({
    ...{ ...reach, own: listOwnPeers(options) },
    limits: { maxMessageBytes: MAX_EVIDENCE_BYTES },
  });
  const archive = createBeaconArchive(chain.network, { crypto, store });
  return {
    ...dependencies,
    ...{ crypto, learnOrderKey },
    options,
    metrics: createValidatorMetrics(dependencies.metrics),
    ...{ group, archive },
    links,
    peerLinks,
    beacons: createBeaconView({}, { crypto, chain, links }),
    askMembers: createMemberQuestions({
      ...{ network: chain.network, crypto, archive, group, self: signer.address },
      peers: () => chain.validators().filter(({ address }) => !equalBytes(address, signer.address)),
      async ask(peer, hash) {
        const service = peerLinks.to(ValidatorService, toPeer(options, peer));
        return (await service.getMembers({ hash }, { timeoutMs: ASK_TIMEOUT_MS })).members;
      },
    }),
    wanted: new Set(),
    history: createLedgerHistory(chain),
    earnings: createEarningsView(chain),
    knownParts: createKnownParts(crypto, store),
    stakes: createStakeView(chain, 'stakesOf'),
    awake: createAwakeClock(),
    verdicts: { crypto, ...chain.network, validator: signer.address },
    domain: { chainId, verifyingContract: chain.network.settlement },
    stopping: new AbortController(),
    certifiedMs: Number.NEGATIVE_INFINITY,
    seenTable: undefined,
  };
}

/** Returns the network's least coverage, parts per million. While it is unknown, every reply is audited. */
export function getNetworkAlphaPpm({ chain }: { readonly chain: Pick<ChainView, 'parameters'> }): number {
  return chain.parameters()?.limits.alpha ?? PPM;
}

/** Returns the stake that verifiers' payees need. It is 0 until the chain was read. */
export function getRequiredStakes({ chain }: { readonly chain: Pick<ChainView, 'parameters'> }): RequiredStakes {
  const stakes = chain.parameters()?.verifierStakes;
  return stakes ?? noStakes;
}

/** Tells whether beacons still arrive. Only then may this validator blame others for their silence. */
export function isConnected({
  awake,
  certifiedMs,
  options,
}: {
  readonly awake: Clock;
  readonly certifiedMs: number;
  readonly options: Pick<ValidatorOptions, 'epochMs'>;
}): boolean {
  return awake.nowMs() - certifiedMs < Math.max(CUT_OFF_MS, CUT_OFF_EPOCHS * options.epochMs);
}

export const getHoldings = ({
  earnings,
  options,
}: Pick<ValidatorState, 'earnings'> & { readonly options: Pick<ValidatorOptions, 'tierStakes'> }): Holdings => ({
  tierStakes: options.tierStakes,
  heldFor: earnings.heldFor,
  ramp: async () => {
    const { entrance, growth } = await earnings.readHolding();
    return { entranceAtomic: entrance, growthPpm: growth };
  },
});

/** Returns the beacon of an epoch from the archive or from a peer. If no peer has it, requests its signing. */
export async function getBeacon(
  { archive, beacons, wanted }: Pick<ValidatorState, 'archive' | 'beacons' | 'wanted'>,
  epoch: bigint,
): Promise<OrderBeacon | undefined> {
  const found = archive.find(epoch) ?? (await beacons.get(epoch).catch(() => undefined));
  if (found === undefined) requestEpoch({ archive, wanted }, epoch);
  return found;
}

type EpochKnowledge = Pick<ValidatorState, 'archive' | 'beacons' | 'chain' | 'askMembers'>;

/**
 * Returns the validators of an epoch, from its certificate or from the deal of its era's shares. Undefined if no
 * answering peer knows the certificate or the set.
 */
export async function findMembers(
  { archive, beacons, chain, askMembers }: EpochKnowledge,
  epoch: bigint,
): Promise<readonly EpochMember[] | undefined> {
  const bytes = archive.findCertificate(epoch) ?? (await beacons.get(epoch).catch(() => undefined))?.certificate;
  if (bytes === undefined || bytes.length === 0) return undefined;
  const certificate = parseEpochCertificate(bytes);
  if (certificate.kind === 'aggregate') {
    const { set } = certificate;
    return archive.findSet(set) ?? askMembers({ kind: 'set', hash: set });
  }
  const era = findEra(chain.beaconKeys(), epoch);
  if (era === undefined) return undefined;
  const hash = fromHex(era.set.slice(2));
  return archive.findCommittee(hash) ?? askMembers({ kind: 'seats', hash });
}

/**
 * Returns the VRF key of a validator of that epoch. An account never changes its key, and each member of the set
 * registered before its beacon was known. `vrfKey` is undefined if the account was no member. The result is undefined
 * if the members are unknown.
 */
export async function findVrfKey(
  state: EpochKnowledge,
  epoch: bigint,
  address: Uint8Array,
): Promise<{ readonly vrfKey: Uint8Array | undefined } | undefined> {
  const members = await findMembers(state, epoch);
  if (members === undefined) return undefined;
  if (!members.some((one) => equalBytes(one.address, address))) return { vrfKey: undefined };
  const vrfKey = state.chain.recallByAddress(address)?.vrfKey;
  return vrfKey && { vrfKey };
}

/** Validators whose addresses the operator named. */
const listOwnPeers = ({ peerEndpoints = new Map() }: Pick<ValidatorOptions, 'peerEndpoints'>): Peer[] =>
  [...peerEndpoints].map(([certHash, endpoint]) => ({ endpoint, certHash: fromHex(certHash) }));

export function toPeer(
  { peerEndpoints }: Pick<ValidatorOptions, 'peerEndpoints'>,
  { endpoint, certHash }: Pick<QuorumMember, 'endpoint' | 'certHash'>,
): Peer {
  return { endpoint: peerEndpoints?.get(toHex(certHash)) ?? endpoint, certHash };
}
