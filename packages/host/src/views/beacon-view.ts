import { computeGenesisBeacon } from '@ogong/protocol/beacon/beacon';
import {
  findGeneration,
  parseEpochCertificate,
  readEpochValue,
  verifyEpochCertificate,
} from '@ogong/protocol/beacon/epoch-certificate';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { LinkPool } from '../link/link-pool.ts';
import { createRepeating } from '../time/repeat.ts';
import type { ChainView } from './chain-view.ts';

export interface KnownBeacon {
  readonly epoch: bigint;
  readonly value: Uint8Array;
  /** Value of the epoch before; at genesis, which has none before it, the genesis value itself. */
  readonly previous: Uint8Array;
  /** Canonical certificate; empty at genesis. */
  readonly certificate: Uint8Array;
}

export type BeaconViewErrorCode = 'no-validators' | 'unreachable' | 'unknown-epoch' | 'not-certified';

export class BeaconViewError extends Error {
  override readonly name = 'BeaconViewError';
  readonly code: BeaconViewErrorCode;
  readonly retryable = true;
  constructor(code: BeaconViewErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The beacon as a provider or a gateway sees it. Any validator may give it; it counts only with a quorum's certificate. */
export interface BeaconView {
  start(): void;
  stop(): Promise<void>;
  /** Asks for the newest certificate now. @throws BeaconViewError */
  refresh(): Promise<void>;
  /** The newest verified one; genesis before the first certificate. */
  latest(): KnownBeacon;
  /** Returns the known beacon of an epoch without asking anyone. */
  find(epoch: bigint): KnownBeacon | undefined;
  /**
   * Returns a known beacon, or verifies the certificate at hand, or fetches one.
   * @param certificate from an untrusted source; empty if there is none. @throws BeaconViewError
   */
  get(epoch: bigint, certificate?: Uint8Array): Promise<KnownBeacon>;
}

export interface BeaconViewOptions {
  /** Default: 2,000. */
  readonly refreshMs?: number;
  /** How many epochs are remembered. Default: 256. */
  readonly keep?: number;
}

export interface BeaconViewDependencies {
  readonly crypto: Crypto;
  readonly chain: Pick<ChainView, 'network' | 'validators' | 'generations' | 'readBeaconKeys'>;
  readonly links: LinkPool;
  readonly onError?: (error: unknown) => void;
}

const ASK_TIMEOUT_MS = 3_000;
const NOTHING: Uint8Array = new Uint8Array();

export function createBeaconView(
  { refreshMs = 2_000, keep = 256 }: BeaconViewOptions,
  { crypto, chain, links, onError = () => {} }: BeaconViewDependencies,
): BeaconView {
  const genesis = computeGenesisBeacon(crypto, chain.network);
  const known = new Map<bigint, KnownBeacon>();
  let latest: KnownBeacon = { epoch: 0n, value: genesis, previous: genesis, certificate: new Uint8Array(0) };
  let turn = 0;
  known.set(0n, latest);

  function remember(beacon: KnownBeacon): void {
    known.set(beacon.epoch, beacon);
    if (beacon.epoch > latest.epoch) latest = beacon;
    for (const epoch of known.keys()) {
      if (known.size <= keep) break;
      // Genesis is kept: every new network starts its first orders from it.
      if (epoch !== 0n && epoch !== latest.epoch) known.delete(epoch);
    }
  }

  async function accept(bytes: Uint8Array, wanted: bigint): Promise<KnownBeacon> {
    const certificate = parseEpochCertificate(bytes);
    if (wanted !== 0n && certificate.epoch !== wanted) {
      throw new BeaconViewError('not-certified', `asked for epoch ${wanted}, got ${certificate.epoch}`);
    }
    const { epoch } = certificate;
    const present = known.get(epoch);
    if (present) return present;
    // A generation may have begun, or ended, since the chain was read last.
    if ((findGeneration(chain.generations(), epoch) === undefined) === (certificate.kind === 'threshold')) {
      await chain.readBeaconKeys();
    }
    const verdict = verifyEpochCertificate(crypto, chain.network, {
      certificate,
      previous: known.get(epoch - 1n)?.value,
      validators: chain.validators(),
      generations: chain.generations(),
    });
    if (!verdict.ok) {
      const why = verdict.checks.find(({ status }) => status === 'fail')?.detail ?? 'nothing passed';
      throw new BeaconViewError('not-certified', `the certificate of epoch ${epoch} does not hold: ${why}`);
    }
    const beacon = { ...readEpochValue(crypto, chain.network, certificate), certificate: bytes };
    remember(beacon);
    return beacon;
  }

  async function askOne({ endpoint, certHash }: QuorumMember, epoch: bigint): Promise<KnownBeacon> {
    const service = links.to(ValidatorService, { endpoint, certHash });
    const { certificate } = await service.getBeacon({ epoch }, { timeoutMs: ASK_TIMEOUT_MS });
    if (certificate.length > 0) return await accept(certificate, epoch);
    if (epoch === 0n) return known.get(0n) as KnownBeacon;
    throw new BeaconViewError('unknown-epoch', `${endpoint} has no certificate of epoch ${epoch}`);
  }

  /** The validators take turns; one that cannot answer costs one call. @param epoch 0: the newest. */
  async function ask(epoch: bigint): Promise<KnownBeacon> {
    const validators = chain.validators();
    if (validators.length === 0) throw new BeaconViewError('no-validators', 'no registered validator is known yet');
    let last: unknown;
    for (let i = 0; i < validators.length; i++) {
      turn = (turn + 1) % validators.length;
      try {
        return await askOne(validators[turn] as QuorumMember, epoch);
      } catch (error) {
        last = error;
      }
    }
    if (last instanceof BeaconViewError) throw last;
    throw new BeaconViewError('unreachable', 'no validator answers for the beacon', { cause: last });
  }

  const repeating = createRepeating(
    { intervalMs: refreshMs },
    async () => {
      await ask(0n);
    },
    onError,
  );

  return {
    start: repeating.start,
    stop: repeating.stop,
    refresh: repeating.trigger,
    latest: () => latest,
    find: (epoch) => known.get(epoch),
    async get(epoch, certificate = NOTHING) {
      const present = known.get(epoch);
      if (present) return present;
      // One that does not hold says nothing about the epoch.
      const given = certificate.length > 0 ? await accept(certificate, epoch).catch(() => undefined) : undefined;
      return given ?? (await ask(epoch));
    },
  };
}
