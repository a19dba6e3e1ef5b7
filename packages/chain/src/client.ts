import type { AskedWork, Distribution, Holding, Limits, Tests } from './deploy/deploy.ts';
import type { Deployment } from './deployment.ts';
import { nameEndpoint } from './endpoint.ts';
import { ChainError } from './errors.ts';
import {
  earningsAbi,
  ogongTokenAbi,
  parametersAbi,
  settlementAbi,
  stakingAbi,
  validatorRegistryAbi,
} from './generated/abi.ts';
import { type Address, type BytesLike, type Hex, lowerHex, toAddress, toHex } from './hex.ts';
import { createWrites } from './ledger-writes.ts';
import { createAuthorizationReads, createAuthorizationWrites } from './money/authorizations.ts';
import { createBackingReads } from './money/backing.ts';
import { createMintReads } from './money/burn-and-mint.ts';
import { createEmissionReads } from './money/emission.ts';
import { createEscrowReads } from './money/escrow-reads.ts';
import { createLaunchReads } from './money/launch-curve.ts';
import { createPaidReads } from './money/paid-parts.ts';
import { createPermitReads, createPermitWrites } from './money/permits.ts';
import { createMachineReads } from './registry/machines.ts';
import { createModelReads } from './registry/model-registry.ts';
import { createPinReads } from './registry/pins.ts';
import { createRouterReads } from './registry/router-reads.ts';
import type { RemoteSigner } from './remote-signer.ts';
import { createTransactor, type Transactor, type TransactorOptions } from './transactor.ts';
import { createBeaconKeysReads } from './validators/beacon-keys.ts';
import { createCaseReads } from './validators/cases.ts';
import { createCosignerReads } from './validators/cosigners.ts';
import { createGovernmentReads } from './validators/government.ts';
import { createReinstatementReads } from './validators/reinstatements.ts';
import { createRosterReads } from './validators/roster.ts';
import { createStakeReads, type Staked } from './validators/stake-reads.ts';
import { readSigningKeys, readVotes } from './validators/votes.ts';

export interface RegisteredValidator {
  /** Owns the bond, receives the validator's share. */
  readonly account: Address;
  /** Address of the signing key that counts now. Zero where the account's own key signs for another account. */
  readonly signingKey: Address;
  readonly stake: bigint;
  readonly endpoint: string;
  /** SHA-256 of the TLS certificate, the consensus id. */
  readonly certHash: Hex;
  /** Ed25519 public key. */
  readonly vrfKey: Hex;
}

/** Times are seconds since 1970. */
export interface NamedSigningKey {
  /** The key in force. */
  readonly current: Address;
  /** The key that was named last. */
  readonly named: Address;
  /** From when on it counts; 0 where the account never named a key. */
  readonly from: bigint;
}

export type { Channel } from './money/escrow-reads.ts';
export type { Staked } from './validators/stake-reads.ts';

/** Last settled state of a validator's verdict log; sequence 0 before the first batch. */
export interface Anchor {
  readonly sequence: bigint;
  readonly logLength: bigint;
  readonly logHead: Hex;
}

export interface EjectionState {
  /** Seconds since 1970; 0 where it was lifted, or where the provider never was ejected. */
  readonly since: bigint;
  /** The first ejection is 1; 0 means none yet. The account that lifts it signs this number. */
  readonly count: number;
}

/** Earnings of a provider's key for a payee, in atomic units. */
export interface EarningsBalance {
  readonly earned: bigint;
  /** Not the payee's yet: an ejection takes it. */
  readonly held: bigint;
  readonly withdrawable: bigint;
  /** Due to the verification pool. */
  readonly collectable: bigint;
  readonly paid: bigint;
  readonly collected: bigint;
  /** Put down for the key and not asked back. */
  readonly bonded: bigint;
}

/** The drift table that statistical verdicts use. A zero hash means that no table is set. */
export interface DriftTableAnchor {
  /** SHA-256 of the table's canonical bytes. */
  readonly hash: Hex;
  readonly version: bigint;
}

export interface NetworkParameters extends Distribution {
  /** Distribution that governance announced last, with the time from which it is in force, in seconds since 1970. */
  readonly announced: Distribution & { readonly from: bigint };
  readonly limits: Limits;
  readonly holding: Holding;
  readonly driftTable: DriftTableAnchor;
  readonly tests: Tests;
  readonly work: AskedWork;
  /** Of the last day, parts per million. A test that a higher rate would have drawn was not drawn. */
  readonly greatestRates: { readonly canary: number; readonly timed: number };
  /** Stake that verifiers need now, and needed within the last week, atomic units. `limits` has the amount that was announced last. */
  readonly verifierStakes: { readonly now: bigint; readonly least: bigint; readonly greatest: bigint };
  /** Seconds since 1970 from which verifiers need the amount in `limits`; 0 if they already do. */
  readonly verifierStakeFrom: number;
}

/** The audited fraction as the chain had it over a time. */
export interface CoverageReading {
  /** The least that was in force, parts per million. */
  readonly leastPpm: number;
  /** Unix time in ms of the block that says so. Later changes are not seen. */
  readonly asOfMs: number;
}

export interface ChainClientOptions {
  readonly rpcUrl: string;
  readonly deployment: Deployment;
  readonly privateKey?: Hex;
  /** Signs in place of a key. */
  readonly signer?: RemoteSigner;
  readonly requestTimeoutMs?: number;
  readonly receiptTimeoutMs?: number;
  readonly pollIntervalMs?: number;
  readonly beforeSend?: TransactorOptions['beforeSend'];
}

export type ChainClient = Awaited<ReturnType<typeof createChainClient>>;

/**
 * A typed client of the contracts. Amounts are atomic units (10^-18 OGONG). Every call fails with a ChainError.
 * @throws ChainError 'wrong-chain' when the endpoint serves another chain, or the contracts are not on it.
 */
export async function createChainClient(options: ChainClientOptions) {
  const { deployment } = options;
  const transactor = createTransactor({ ...options, chainId: deployment.chainId });
  await assertChain(transactor, options);
  return {
    deployment,
    transactor,
    address: transactor.address,
    ...createReads(transactor, deployment),
    ...createRouterReads(transactor, deployment.staking),
    ...createRosterReads(transactor, deployment),
    ...createCosignerReads(transactor, deployment),
    ...createPaidReads(transactor, deployment),
    ...createEmissionReads(transactor, deployment),
    ...createLaunchReads(transactor, deployment),
    ...createBeaconKeysReads(transactor, deployment),
    ...createMachineReads(transactor, deployment),
    ...createPinReads(transactor, deployment),
    ...createReinstatementReads(transactor, deployment),
    ...createMintReads(transactor, deployment),
    ...createCaseReads(transactor, deployment),
    ...createBackingReads(transactor, deployment),
    ...createGovernmentReads(transactor, deployment),
    ...createWrites(transactor, deployment),
    ...createAuthorizationReads(transactor, deployment.token),
    ...createAuthorizationWrites(transactor, deployment.token),
    ...createPermitReads(transactor, deployment.token),
    ...createPermitWrites(transactor, deployment.token),
  };
}

async function assertChain({ read }: Transactor, { rpcUrl, deployment }: ChainClientOptions): Promise<void> {
  const chainId = await read('check the chain', (client) => client.getChainId());
  if (chainId !== deployment.chainId) {
    throw new ChainError(
      'wrong-chain',
      `${nameEndpoint(rpcUrl)} serves chain ${chainId}, the deployment is on ${deployment.chainId}`,
    );
  }
  const code = await read('check the contracts', (client) => client.getCode({ address: deployment.settlement }));
  if (code === undefined || code === '0x') {
    throw new ChainError(
      'wrong-chain',
      `${nameEndpoint(rpcUrl)} has no contract at ${deployment.settlement}: deploy first, or use another deployment`,
    );
  }
}

/** Many public endpoints refuse longer ranges. */
const BLOCKS_PER_READ = 1_000;

export interface KeyBond extends Staked {
  /** Due to the verification pool. */
  readonly forfeited: bigint;
}

export interface HeldPenalty {
  /** The payee's stake again if it is pardoned, and the treasury's after the appeal. */
  readonly amountAtomic: bigint;
  /** Number of the payee's last penalty. */
  readonly penalty: number;
}

/** As the registry lists it. */
type ListedValidator = Omit<RegisteredValidator, 'signingKey'> & { readonly signer: Address };

/** Not through lowerHex as a whole: an endpoint is free text. */
function toRegistered({ account, signer, certHash, vrfKey, ...rest }: ListedValidator): RegisteredValidator {
  return { ...rest, ...lowerHex({ account, signingKey: signer, certHash, vrfKey }) };
}

function createParameterReads(
  { read }: Pick<Transactor, 'read'>,
  { parameters: address }: Pick<Deployment, 'parameters'>,
) {
  const parameters = { address, abi: parametersAbi } as const;
  return {
    parameters(): Promise<NetworkParameters> {
      return read('parameters', async (client) => {
        const [current, [next, from], limits, holding, driftTable, tests, work, rates, stakes] = await Promise.all([
          client.readContract({ ...parameters, functionName: 'distribution' }),
          client.readContract({ ...parameters, functionName: 'announced' }),
          client.readContract({ ...parameters, functionName: 'limits' }),
          client.readContract({ ...parameters, functionName: 'holding' }),
          client.readContract({ ...parameters, functionName: 'driftTable' }),
          client.readContract({ ...parameters, functionName: 'tests' }),
          client.readContract({ ...parameters, functionName: 'work' }),
          client.readContract({ ...parameters, functionName: 'greatestRates' }),
          client.readContract({ ...parameters, functionName: 'verifierStakes' }),
        ]);
        const { hash, version } = driftTable;
        const lower = ({ shares, recipients }: Distribution) => ({ shares, recipients: lowerHex(recipients) });
        return {
          ...lower(current),
          announced: { ...lower(next), from },
          limits,
          holding,
          driftTable: { ...lowerHex({ hash }), version },
          tests,
          work,
          greatestRates: { canary: rates[0], timed: rates[1] },
          verifierStakes: { now: stakes[0], least: stakes[1], greatest: stakes[2] },
          verifierStakeFrom: stakes[4],
        };
      });
    },
    /** The guardian that may keep new money out for a while (zero: nobody), and the end of the present pause, seconds since 1970. */
    entryGuard(): Promise<{ readonly guardian: Address; readonly pausedUntil: bigint }> {
      return read('the guardian', async (client) => {
        const [guardian, pausedUntil] = await Promise.all([
          client.readContract({ ...parameters, functionName: 'guardian' }),
          client.readContract({ ...parameters, functionName: 'pausedUntil' }),
        ]);
        return { ...lowerHex({ guardian }), pausedUntil };
      });
    },
    /** Seconds in which cases, ejections and penalties can be appealed against. */
    appealDelay(): Promise<number> {
      return read('delays', async (client) => {
        const { appeal } = await client.readContract({ ...parameters, functionName: 'delays' });
        return appeal;
      });
    },
    /** @param sinceMs from then on, Unix time in ms. */
    coverageSince(sinceMs: number): Promise<CoverageReading> {
      const args = [Math.max(0, Math.floor(sinceMs / 1_000))] as const;
      return read('coverage', async (client) => {
        const [leastPpm, asOf] = await client.readContract({ ...parameters, functionName: 'leastAlpha', args });
        return { leastPpm, asOfMs: Number(asOf) * 1_000 };
      });
    },
  };
}

function createReads({ read }: Transactor, deployment: Deployment) {
  const token = { address: deployment.token, abi: ogongTokenAbi } as const;
  const staking = { address: deployment.staking, abi: stakingAbi } as const;
  const registry = { address: deployment.registry, abi: validatorRegistryAbi } as const;
  const settlement = { address: deployment.settlement, abi: settlementAbi } as const;
  const earnings = { address: deployment.earnings, abi: earningsAbi } as const;

  return {
    ...createModelReads({ read }, deployment.models),
    ...createEscrowReads({ read }, deployment.escrow, deployment.burnAndMint?.credits),
    ...createStakeReads({ read }, deployment),
    ...createParameterReads({ read }, deployment),
    balanceOf(owner: BytesLike): Promise<bigint> {
      const args = [toAddress(owner, 'owner')] as const;
      return read('token balance', (client) => client.readContract({ ...token, functionName: 'balanceOf', args }));
    },
    validators(): Promise<readonly RegisteredValidator[]> {
      return read('validators', async (client) => {
        const list = await client.readContract({ ...registry, functionName: 'validators' });
        return list.map(toRegistered);
      });
    },
    /** The registry at one block: the newest where none is given. */
    async validatorsAt(
      block?: bigint,
    ): Promise<{ readonly block: bigint; readonly validators: readonly RegisteredValidator[] }> {
      const blockNumber = block ?? (await read('head', (client) => client.getBlockNumber({ cacheTime: 0 })));
      const list = await read('validators', (client) =>
        client.readContract({ ...registry, functionName: 'validators', blockNumber }),
      );
      return { block: blockNumber, validators: list.map(toRegistered) };
    },
    totalStake(): Promise<bigint> {
      return read('total stake', (client) => client.readContract({ ...registry, functionName: 'totalStake' }));
    },
    /**
     * The votes that a quorum counts, with the signing keys that cast them: those of one voting delay before. `total` includes
     * validators that are not asked about.
     * @param blockNumber Default: the newest.
     */
    votesOf(validators: readonly BytesLike[], blockNumber?: bigint) {
      const accounts = validators.map((validator) => toAddress(validator, 'validator'));
      return readVotes({ read }, deployment, { accounts, ...(blockNumber !== undefined && { blockNumber }) });
    },
    /** Sum of the batches whose earnings have not vested; undefined if bonds do not bound it. */
    unvested(): Promise<bigint | undefined> {
      return read('unvested earnings', async (client) => {
        const [isBacked, period, unvested] = await Promise.all([
          client.readContract({ ...settlement, functionName: 'isBacked' }),
          client.readContract({ ...earnings, functionName: 'period' }),
          client.readContract({ ...earnings, functionName: 'unvested' }),
        ]);
        return isBacked && period > 0n ? unvested : undefined;
      });
    },
    /** The signing key of an account. */
    signingKeyOf(validator: BytesLike): Promise<NamedSigningKey> {
      const args = [toAddress(validator, 'validator')] as const;
      return read('signing key', async (client) => {
        const [current, named, from] = await client.readContract({ ...registry, functionName: 'signerOf', args });
        return { ...lowerHex({ current, named }), from };
      });
    },
    /**
     * Payments of the validator's batches to the payee from that block on, before shares.
     * @param fromBlock undefined for nothing yet: only the next block is found out.
     */
    paidTo(
      payee: BytesLike,
      validator: BytesLike,
      fromBlock: number | undefined,
    ): Promise<{ readonly grossAtomic: bigint; readonly nextBlock: number }> {
      const args = { payee: toAddress(payee, 'payee'), validator: toAddress(validator, 'validator') } as const;
      return read('payments', async (client) => {
        const last = Number(await client.getBlockNumber({ cacheTime: 0 }));
        let grossAtomic = 0n;
        for (let first = fromBlock ?? last + 1; first <= last; first += BLOCKS_PER_READ) {
          const toBlock = BigInt(Math.min(last, first + BLOCKS_PER_READ - 1));
          const range = { fromBlock: BigInt(first), toBlock };
          const paid = await client.getContractEvents({ ...settlement, eventName: 'Paid', args, ...range });
          for (const event of paid) grossAtomic += event.args.gross ?? 0n;
        }
        return { grossAtomic, nextBlock: last + 1 };
      });
    },
    /** The part of a payee's stake that penalties hold. */
    heldPenaltyOf(payee: BytesLike): Promise<HeldPenalty> {
      const args = [toAddress(payee, 'payee')] as const;
      return read('held penalty', async (client) => {
        const { amount, count } = await client.readContract({ ...staking, functionName: 'heldOf', args });
        return { amountAtomic: amount, penalty: count };
      });
    },
    /** The keys that counted for an account at some times, each once. A time that has not come counts as now. @param timesMs Unix time in ms. */
    signingKeysAt(account: BytesLike, timesMs: readonly number[]): Promise<readonly Address[]> {
      return readSigningKeys({ read }, deployment, { account, timesMs });
    },
    earningsOf(providerId: BytesLike, payee: BytesLike): Promise<EarningsBalance> {
      const args = [toHex(providerId, 'providerId', 32), toAddress(payee, 'payee')] as const;
      return read('earnings', (client) => client.readContract({ ...earnings, functionName: 'balanceOf', args }));
    },
    /** Earnings of a key for a payee in a period that is over: the same for every caller, at any time. */
    earnedIn(providerId: BytesLike, payee: BytesLike, period: number): Promise<bigint> {
      const args = [toHex(providerId, 'providerId', 32), toAddress(payee, 'payee'), period] as const;
      return read('earnings of a period', (client) =>
        client.readContract({ ...earnings, functionName: 'earnedIn', args }),
      );
    },
    /** The least that an ejection finds of a key for replies of the period after that one: earnings, and the payee's bond. */
    heldIn(providerId: BytesLike, payee: BytesLike, period: number): Promise<bigint> {
      const args = [toHex(providerId, 'providerId', 32), toAddress(payee, 'payee'), period] as const;
      return read('earnings held for a key', (client) =>
        client.readContract({ ...earnings, functionName: 'heldIn', args }),
      );
    },
    /** A payee's bond for a key: the deposit, the part on its way out, and the part that a final ejection took. */
    async keyBondOf(providerId: BytesLike, payee: BytesLike): Promise<KeyBond> {
      const args = [toHex(providerId, 'providerId', 32), toAddress(payee, 'payee')] as const;
      return read('bond of a key', async (client) => {
        const [[amount, leaving, leavesAt], forfeited] = await Promise.all([
          client.readContract({ ...earnings, functionName: 'bondOf', args }),
          client.readContract({ ...earnings, functionName: 'forfeitOf', args }),
        ]);
        return { amount, leaving, leavesAt, forfeited };
      });
    },
    nextSequence(validator: BytesLike): Promise<bigint> {
      const args = [toAddress(validator, 'validator')] as const;
      return read('next sequence', (client) =>
        client.readContract({ ...settlement, functionName: 'nextSequence', args }),
      );
    },
    anchorOf(validator: BytesLike): Promise<Anchor> {
      const args = [toAddress(validator, 'validator')] as const;
      return read('anchor', async (client) =>
        lowerHex(await client.readContract({ ...settlement, functionName: 'anchorOf', args })),
      );
    },
    /** The newest ejection of a provider. */
    ejectionOf(providerId: BytesLike): Promise<EjectionState> {
      const args = [toHex(providerId, 'providerId', 32)] as const;
      return read('ejection', (client) => client.readContract({ ...settlement, functionName: 'ejectionOf', args }));
    },
    isEjected(providerId: BytesLike): Promise<boolean> {
      const args = [toHex(providerId, 'providerId', 32)] as const;
      return read('ejection', (client) => client.readContract({ ...settlement, functionName: 'ejected', args }));
    },
  };
}
