import { readFileSync } from 'node:fs';
import { type DeployPlan, defaultDelays, defaultHolding, defaultVoting, type Voting } from '@ogong/chain/deploy/deploy';
import { type Address, type Hex, toAddress } from '@ogong/chain/hex';
import { ConfigError } from '@ogong/host/config/config-error';
import { explainFile } from '@ogong/host/log/errors';
import { z } from 'zod';
import { parseAmount, parseUnits } from '../money/amount.ts';
import { shareFields } from '../money/share-fields.ts';

const MAX_BYTES = 64 * 1024;
const HOUR = 3_600;
/** The curve counts the price of one token times all tokens of the launch, with this many further digits. */
const LAUNCH_DIGITS = 8;
const LAUNCH_KINDS =
  '`launch` is {"kind": "curve", "asset", "decimals", "firstPrice"}, or {"kind": "address", "address"} where one account shall have them';
/**
 * Validators use the time of the chain's newest block, and wait if it is more than an epoch old. If blocks are further apart than half an
 * epoch, the beacon has gaps.
 */
const LEAST_BEACON_PERIOD = 60n;

/** Millionths of the amount that a key holds: the contract's bound. */
const MAX_GROWTH = 2_000_000;

const bps = z.int().min(0).max(10_000);
const ppm = z.int().min(0).max(1_000_000);
/** In an epoch, millionths: the contract's bound. */
const rate = z.int().min(0).max(4_000_000);
const seconds = z.int().min(0).max(0xffff_ffff);
const amount = z.string().transform((text, context) => {
  const atomic = parseAmount(text);
  if (atomic !== undefined) return atomic;
  context.addIssue({ code: 'custom', message: 'expected an amount such as "100", "12.5 OGONG" or "1000 atomic"' });
  return z.NEVER;
});
const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'expected an address: 0x and 40 hexadecimal digits')
  .transform((text): Address => toAddress(text as Hex, 'address'));
/** Unix time in seconds. */
const time = z.int().min(0).transform(BigInt);

const governance = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('votes'),
    ...{ delay: seconds.optional(), period: seconds.optional(), timelock: seconds.optional() },
    ...{ threshold: amount.optional(), quorumBps: bps.optional() },
  }),
  z.strictObject({ kind: z.literal('owner'), address }),
]);

/** The owner of the launch's tokens. */
const launch = z.discriminatedUnion('kind', [
  z.strictObject({
    ...{ kind: z.literal('curve'), asset: address, decimals: z.int().min(0).max(18) },
    firstPrice: z.string().regex(/^\d+(\.\d+)?$/, 'expected what the first token costs, such as "0.01"'),
  }),
  z.strictObject({ kind: z.literal('address'), address }),
  z.strictObject({ kind: z.literal('earlier'), address }),
]);

const networkFile = z.strictObject({
  chainId: z.int().min(1),
  rpcUrl: z.url({ protocol: /^https?$/ }),
  economy: z.enum(['emission', 'fees', 'burn-and-mint']),
  governance,
  recipients: z.strictObject({ verification: address, treasury: address, license: address }),
  /** Receives the parts of the genesis without a named owner. Default: the deployer. */
  holder: address.optional(),
  genesis: z.strictObject({ team: address, foundation: address, listing: address }).optional(),
  launch: launch.optional(),
  /** Of an earlier deployment: the network takes over from it (docs/deploy.md). */
  token: address.optional(),
  vault: address.optional(),
  /** Left out: shares and coverage that pay for their own verification. */
  profile: z.literal('whitepaper').optional(),
  shares: shareFields.optional(),
  limits: z
    .strictObject({
      ...{ alpha: ppm, withdrawalDelay: seconds, unbondingDelay: seconds },
      ...{ minimumValidatorBond: amount, minimumRouterBond: amount, minimumVerifierStake: amount },
    })
    .partial()
    .optional(),
  delays: z
    .strictObject({
      ...{ voting: seconds, notice: seconds, appeal: seconds, leastWithdrawal: seconds, leastUnbonding: seconds },
    })
    .partial()
    .optional(),
  holding: z
    .strictObject({ period: seconds, entrance: amount, growth: z.int().min(0).max(MAX_GROWTH) })
    .partial()
    .optional(),
  tests: z
    .strictObject({ canaryRate: rate, timedRate: rate, slowestRate: z.int().min(1) })
    .partial()
    .optional(),
  work: z.strictObject({ bits: z.int().min(0), epochs: z.int().min(0) }).optional(),
  emission: z.strictObject({ start: time, period: seconds.min(HOUR), lambda: ppm }).optional(),
  makerFee: amount.optional(),
  justice: z.strictObject({ reporterPpm: ppm, deposit: amount }).optional(),
  beacon: z.strictObject({ origin: time, period: z.int().min(1).transform(BigInt) }).optional(),
  machines: z.boolean().optional(),
  pins: z.boolean().optional(),
  /** By tier: whole units of the network's means of payment. */
  tierStakes: z.record(z.string(), z.int().min(1)).optional(),
  burnAndMint: z
    .strictObject({
      feeds: z.array(address).min(1).max(31),
      maxPriceAge: seconds,
      governance: address,
      rule: z.enum(['bounded', 'document']).optional(),
      elasticityPpm: ppm.optional(),
      yearlyCap: amount.optional(),
      genesis: amount.optional(),
      market: z.strictObject({ exchange: address.optional(), stable: address }).optional(),
    })
    .optional(),
});

type NetworkFile = z.infer<typeof networkFile>;

/** One network, as its file describes it. */
export interface NetworkPlan {
  readonly chainId: number;
  readonly rpcUrl: string;
  readonly plan: DeployPlan;
  /** Required properties of the asset if the launch's tokens are sold along a curve. */
  readonly asset?: { readonly address: Address; readonly decimals: number };
}

/** @throws ConfigError that names every field that is wrong */
export function readNetworkFile(program: string, path: string): NetworkPlan {
  let input: unknown;
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > MAX_BYTES) throw new SyntaxError('it is too long');
    input = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(program, [`${path}: ${explainFile(error)}`]);
  }
  const parsed = networkFile.safeParse(input);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      ({ path: at, message }) => `${path}: ${at.join('.') || 'the file'}: ${explainIssue(input, at, message)}`,
    );
    throw new ConfigError(program, [...problems, 'docs/deploy.md says what such a file has, with an example']);
  }
  const contradiction = findContradiction(parsed.data);
  if (contradiction !== undefined) throw new ConfigError(program, [`${path}: ${contradiction}`]);
  const { chainId, rpcUrl, launch: sold } = parsed.data;
  const asset = sold?.kind === 'curve' && { address: sold.asset, decimals: sold.decimals };
  return { chainId, rpcUrl, plan: toPlan(parsed.data), ...(asset && { asset }) };
}

/** An absent field is no wrong input. */
function explainIssue(input: unknown, at: readonly PropertyKey[], message: string): string {
  const value = at.reduce<unknown>((one, name) => (one instanceof Object ? Reflect.get(one, name) : undefined), input);
  const expected = message.replace(/^Invalid \w+: /, '').replace(/, received undefined$/, '');
  return value === undefined ? `it is missing; ${expected}` : message;
}

function findContradiction({
  economy,
  emission,
  burnAndMint,
  chainId,
  token,
  genesis,
  profile,
  shares,
  beacon,
  launch: sold,
}: NetworkFile): string | undefined {
  if (token !== undefined && (economy !== 'fees' || genesis !== undefined)) {
    return 'a network that keeps a `token` has the economy `fees` and no genesis: its tokens have owners already';
  }
  const isOwnToken = token === undefined && economy !== 'burn-and-mint';
  if (isOwnToken && sold === undefined) return `say who sells the launch's 100,000,000 OGONG: ${LAUNCH_KINDS}`;
  if (sold !== undefined && (isOwnToken ? sold.kind === 'earlier' : token === undefined || sold.kind !== 'earlier')) {
    return 'a new OGONG has a new launch, a `token` that is kept its `earlier` one, and OROG has none';
  }
  if (sold?.kind === 'curve' && readVirtualReserve(sold) === undefined) {
    return `launch.firstPrice: expected a price above 0 with at most ${sold.decimals + LAUNCH_DIGITS} digits after the point, and no larger than the asset can say`;
  }
  if ((economy === 'emission') !== (emission !== undefined)) {
    return 'the economy is `emission` where the file says when it starts, and only there';
  }
  if ((economy === 'burn-and-mint') !== (burnAndMint !== undefined)) {
    return 'the economy is `burn-and-mint` where the file says how, and only there';
  }
  if (profile !== undefined && burnAndMint !== undefined) {
    return 'a network that burns and mints has its own shares: leave `profile` out';
  }
  if (profile !== undefined && emission !== undefined && (shares?.recycle ?? 0) === 0) {
    return 'the shares of profile `whitepaper` recycle nothing, so an emission would give nothing: name `shares.recycle`';
  }
  if (beacon !== undefined && beacon.period < LEAST_BEACON_PERIOD && chainId !== 31_337) {
    return `beacon.period: an epoch of a network has ${LEAST_BEACON_PERIOD} seconds at least, and two of the chain's blocks`;
  }
  if (burnAndMint?.rule === 'document' && chainId !== 31_337) {
    return 'burnAndMint.rule `document` is farmed: it is for a chain on one machine';
  }
  if (burnAndMint !== undefined && burnAndMint.market === undefined && chainId !== 31_337) {
    return 'burnAndMint.market: name the `stable` that workers are paid in; a dollar that is worth nothing is made on a chain on one machine alone';
  }
  return undefined;
}

/** A field that is left out, and not one that is undefined. */
const given = <T extends object>(fields: T) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

type CurveLaunch = Extract<z.infer<typeof launch>, { kind: 'curve' }>;

/** The asset's atomic units that make the first token cost as much. */
const readVirtualReserve = ({
  firstPrice,
  decimals,
}: Pick<CurveLaunch, 'firstPrice' | 'decimals'>): bigint | undefined =>
  parseUnits(firstPrice, { decimals: decimals + LAUNCH_DIGITS, units: [] });

function toLaunch(sold: z.infer<typeof launch>): NonNullable<DeployPlan['launch']> {
  if (sold.kind === 'address') return { owner: sold.address };
  if (sold.kind === 'earlier') return { earlier: sold.address };
  return { asset: sold.asset, virtualReserve: readVirtualReserve(sold) as bigint };
}

function toPlan(file: NetworkFile): DeployPlan {
  const { governance: who, holder, recipients, genesis, vault, shares, limits, makerFee, justice, beacon } = file;
  const { emission, burnAndMint, machines, pins, token, tests, work, profile, tierStakes } = file;
  const owner = who.kind === 'owner' ? who.address : holder;
  return {
    ...{ recipients, delays: { ...defaultDelays, ...given(file.delays ?? {}) } },
    holding: { ...defaultHolding, ...given(file.holding ?? {}) },
    ...(who.kind === 'votes' && { voting: toVoting(who) }),
    ...(emission && { issuance: emission }),
    ...(shares && { shares: given(shares) }),
    ...(limits && { limits: given(limits) }),
    ...(tests && { tests: given(tests) }),
    ...(burnAndMint && { burnAndMint: toBurnAndMint(burnAndMint) }),
    ...(file.launch && { launch: toLaunch(file.launch) }),
    ...given({ owner, token, genesis, vault, profile, work, makerFee, justice, beacon, machines, pins, tierStakes }),
  };
}

type Votes = Extract<NetworkFile['governance'], { kind: 'votes' }>;

function toVoting({ delay, period, timelock, threshold, quorumBps }: Votes): Voting {
  return { ...defaultVoting, ...given({ delay, period, timelock, threshold, quorumBps }) };
}

function toBurnAndMint({
  feeds,
  maxPriceAge,
  governance: to,
  market,
  ...rest
}: NonNullable<NetworkFile['burnAndMint']>) {
  const { stable, ...exchange } = market ?? {};
  return {
    ...{ feeds, maxPriceAge, governance: to, ...given(rest) },
    ...(stable !== undefined && { market: { stable, ...given(exchange) } }),
  };
}
