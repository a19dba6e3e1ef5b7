import type { ChainClient } from '@ogong/chain/client';
import { ChainError, isMissingFunction } from '@ogong/chain/errors';
import { readPayerValidators } from '@ogong/chain/money/payer-channels';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, hex, text } from '@ogong/host/config/values';
import type { Command } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import { openLedger } from '../open-ledger.ts';
import { type ActingClient, act, actionFields } from './act.ts';
import type { ShowAmount } from './amount.ts';
import { creditCosigned, findCosigned } from './cosigned.ts';

const NAME = 'ogong migrate';

const config = defineConfig({
  name: NAME,
  examples: [`${NAME} --from earlier.json --deployment deployment.json --keypair <path> --dry-run`],
  summary:
    "Moves an account's holdings from the contracts of an earlier deployment to this one, which keeps its token: deposit to deposit, stake to\n" +
    'stake, priority stake to priority stake, bond to bond, and earnings to the account itself. A part that has to wait for a delay is asked back, and named; run it again then.\n' +
    'Nobody can do it for another account, and no move is required: the earlier contracts pay for ever.',
  fields: {
    ...actionFields,
    from: {
      schema: text,
      label: '<path>',
      required: true,
      description: 'JSON file with the addresses of the earlier contracts',
    },
    leave: {
      schema: boolean,
      boolean: true,
      description: 'an account that is a validator there leaves the registry first, so that its bond can be asked back',
    },
    provider: {
      schema: hex(32),
      description:
        'id of a provider whose payee the account is: withdraws released earnings, and moves the bond of its key',
    },
  },
});

/** Holdings of an account in the earlier contracts, and their places. */
interface Holdings {
  readonly now: bigint;
  readonly credit: bigint;
  readonly withdrawable: bigint;
  readonly held: bigint;
  readonly free: bigint;
  readonly channels: readonly {
    readonly validator: `0x${string}`;
    readonly reserved: bigint;
    readonly releasing: bigint;
    readonly releasableAt: bigint;
  }[];
  readonly stake: Awaited<ReturnType<ChainClient['stakingOf']>>;
  readonly priority: Awaited<ReturnType<ChainClient['priorityOf']>> | undefined;
  /** Of the provider's key. */
  readonly keyBond: Awaited<ReturnType<ChainClient['keyBondOf']>> | undefined;
  readonly bond: Awaited<ReturnType<ChainClient['bondOf']>>;
}

interface MigrationReport {
  readonly moved: { deposit: bigint; stake: bigint; priority: bigint; bond: bigint; keyBond: bigint; wallet: bigint };
  /** Asked back, or held, or still in use. */
  waiting: {
    readonly what: string;
    readonly amount: bigint;
    readonly until?: bigint;
    readonly why?: string;
  }[];
}

/** Returns undefined for a value that the earlier contracts do not know. */
const orNone = <T>(reading: Promise<T>): Promise<T | undefined> =>
  reading.catch((error: unknown) => {
    if (isMissingFunction(error)) return undefined;
    throw error;
  });

/** @returns false if the chain refuses it: then it waits, and all else goes on. */
async function attempt(
  waiting: MigrationReport['waiting'],
  { what, amount }: { readonly what: string; readonly amount: bigint },
  act: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    if (!(error instanceof ChainError) || error.code !== 'reverted') throw error;
    waiting.push({ what, amount, why: error.message });
    return false;
  }
}

async function readHoldings(
  old: ChainClient,
  account: `0x${string}`,
  providerId: `0x${string}` | undefined,
): Promise<Holdings> {
  const [validators, credit, free, stake, priority, bond, earnings, keyBond, { timestamp: now }] = await Promise.all([
    readPayerValidators(old.transactor, old.deployment, account),
    old.creditOf(account),
    old.freeOf(account),
    old.stakingOf(account),
    orNone(old.priorityOf(account)),
    old.bondOf(account),
    providerId === undefined ? undefined : old.earningsOf(providerId, account),
    providerId === undefined ? undefined : orNone(old.keyBondOf(providerId, account)),
    old.transactor.read('the time', (client) => client.getBlock()),
  ]);
  const channels = await Promise.all(
    validators.map(async (validator) => {
      const { admitted, spent, releasing, releasableAt } = await old.channelOf(account, validator);
      return { validator, reserved: admitted - spent, releasing, releasableAt };
    }),
  );
  const { withdrawable = 0n, held = 0n } = earnings ?? {};
  return { now, credit, withdrawable, held, free, channels, stake, priority, bond, keyBond };
}

type Writes = ReturnType<ActingClient['writesTo']>;

/** Moves parts of the pots for signers of batches to the account's credit. @returns whether there were any */
async function moveCosigned(
  { from, old }: { readonly from: Writes; readonly old: Parameters<typeof findCosigned>[0] },
  { waiting }: MigrationReport,
  { output, format }: { readonly output: Parameters<typeof creditCosigned>[2]; readonly format: ShowAmount },
): Promise<boolean> {
  const cosigned = await orNone(findCosigned(old, false));
  if (cosigned === undefined) return false;
  const { overAtomic, runningAtomic } = cosigned;
  const what = 'what co-signers have';
  if (runningAtomic > 0n) waiting.push({ what, amount: runningAtomic, why: 'until the day is over, by UTC' });
  let hasParts = false;
  await attempt(waiting, { what, amount: overAtomic }, async () => {
    hasParts = await creditCosigned(from, cosigned, output, format);
  });
  return hasParts;
}

/** Money to the account, and its deposit to the new escrow. */
async function moveDeposit(
  { from, to }: { readonly from: Writes; readonly to: Writes },
  { now, free, channels }: Holdings,
  { moved, waiting }: MigrationReport,
): Promise<void> {
  let out = free;
  for (const { validator, reserved, releasing, releasableAt } of channels) {
    if (reserved === 0n) continue;
    const what = nameReserved(validator);
    if (releasing > 0n && releasableAt <= now) {
      // An amount drawn meanwhile is not released.
      const amount = releasing < reserved ? releasing : reserved;
      if (await attempt(waiting, { what, amount }, () => from.finishRelease(validator))) out += amount;
    } else {
      const request = () => from.requestRelease(validator, reserved);
      if (releasing === 0n && !(await attempt(waiting, { what, amount: reserved }, request))) continue;
      const until = releasing === 0n ? undefined : releasableAt;
      waiting.push({ what, amount: reserved, ...(until && { until }) });
    }
  }
  if (out === 0n) return;
  await attempt(waiting, { what: 'deposit', amount: out }, async () => {
    await from.withdraw(out);
    await to.deposit(out);
    moved.deposit = out;
  });
}

/** How stake of a kind leaves the one deployment and comes to the other. */
interface StakeRoute {
  readonly kind: 'stake' | 'priority' | 'keyBond';
  readonly finish: () => Promise<unknown>;
  readonly ask: (amount: bigint) => Promise<unknown>;
  readonly add: (amount: bigint) => Promise<unknown>;
}

const NAMES = { stake: 'stake', priority: 'priority stake', keyBond: "bond of the provider's key" } as const;

function listRoutes(
  { from, to }: { readonly from: Writes; readonly to: Writes },
  providerId: `0x${string}` | undefined,
): StakeRoute[] {
  const { finishUnstake, requestUnstake, finishDeprioritize, requestDeprioritize } = from;
  const routes: StakeRoute[] = [
    { kind: 'stake', finish: finishUnstake, ask: requestUnstake, add: to.stake },
    { kind: 'priority', finish: finishDeprioritize, ask: requestDeprioritize, add: to.prioritize },
  ];
  if (providerId === undefined) return routes;
  const keyBond: StakeRoute = {
    kind: 'keyBond',
    finish: () => from.finishUnbondKey(providerId),
    ask: (amount) => from.requestUnbondKey(providerId, amount),
    add: (amount) => to.bondKey(providerId, amount),
  };
  return [...routes, keyBond];
}

async function moveStake(
  { kind, finish, ask, add }: StakeRoute,
  { now, [kind]: held }: Holdings,
  { moved, waiting }: MigrationReport,
): Promise<void> {
  const { amount, leaving, leavesAt } = held ?? { amount: 0n, leaving: 0n, leavesAt: 0n };
  const what = NAMES[kind];
  if (leaving > 0n && leavesAt <= now) {
    const isMoved = await attempt(waiting, { what, amount: leaving }, async () => {
      await finish();
      await add(leaving);
      moved[kind] = leaving;
    });
    // If it still waits, a request would begin its delay anew.
    if (!isMoved) return;
  } else if (leaving > 0n) waiting.push({ what, amount: leaving, until: leavesAt });
  // A second request would begin the delay of the first one anew.
  if (amount === 0n || (leaving > 0n && leavesAt > now)) return;
  if (await attempt(waiting, { what, amount }, () => ask(amount))) waiting.push({ what, amount });
}

async function moveBond(
  { from, to }: { readonly from: Writes; readonly to: Writes },
  { now, bond: { amount, unbonding, unbondableAt, active } }: Holdings,
  { report: { moved, waiting }, isLeaving }: { readonly report: MigrationReport; readonly isLeaving: boolean },
): Promise<void> {
  if (unbonding > 0n && unbondableAt <= now) {
    const isMoved = await attempt(waiting, { what: 'bond', amount: unbonding }, async () => {
      await from.finishUnbond();
      await to.bond(unbonding);
      moved.bond = unbonding;
    });
    if (!isMoved) return;
  } else if (unbonding > 0n) waiting.push({ what: 'bond', amount: unbonding, until: unbondableAt });
  if (amount === 0n || (unbonding > 0n && unbondableAt > now)) return;
  if (active && !isLeaving) {
    waiting.push({ what: 'bond', amount, why: 'the account is a validator there: --leave' });
    return;
  }
  const isAsked = await attempt(waiting, { what: 'bond', amount }, async () => {
    if (active) await from.deregisterValidator();
    await from.requestUnbond(amount);
  });
  if (isAsked) waiting.push({ what: 'bond', amount });
}

/** A request of just now has its time on the chain. */
function nameTimes(
  waiting: MigrationReport['waiting'],
  { now, channels, stake, priority, bond, keyBond }: Holdings,
): MigrationReport['waiting'] {
  const times = new Map([
    [NAMES.stake, stake.leavesAt],
    [NAMES.priority, priority?.leavesAt ?? 0n],
    [NAMES.keyBond, keyBond?.leavesAt ?? 0n],
    ['bond', bond.unbondableAt],
    ...channels.map(({ validator, releasableAt }) => [nameReserved(validator), releasableAt] as const),
  ]);
  return waiting.map((one) => {
    const until = one.until ?? times.get(one.what);
    return one.why !== undefined || until === undefined || until <= now ? one : { ...one, until };
  });
}

const nameReserved = (validator: string): string => `deposit reserved for ${validator}`;

const formatWaiting = (
  { what, amount, until, why }: MigrationReport['waiting'][number],
  format: ShowAmount,
): string => {
  const when =
    why ?? (until === undefined ? 'was asked back' : `until ${new Date(Number(until) * 1_000).toISOString()}`);
  return `waits: ${format(amount)} of ${what} (${when})\n`;
};

const toText = (report: MigrationReport) => ({
  moved: Object.fromEntries(Object.entries(report.moved).map(([name, amount]) => [name, `${amount}`])),
  waiting: report.waiting.map(({ amount, until, ...rest }) => ({
    ...rest,
    ...{ amount: `${amount}`, ...(until !== undefined && { until: Number(until) }) },
  })),
});

export const migrateCommand: Command = {
  name: 'migrate',
  summary: "move an account's holdings in an earlier deployment to this one",
  async run(argv, output) {
    const parsed = config.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { from: path, provider, leave = false, ...values } = parsed.values;
    const report: MigrationReport = {
      moved: { deposit: 0n, stake: 0n, priority: 0n, bond: 0n, keyBond: 0n, wallet: 0n },
      waiting: [],
    };
    return act(NAME, values, output, {
      does: `bring what the account has in ${path} to ${values.deployment}`,
      fields: () => toText(report),
      async run(to, client) {
        const old = await openLedger(NAME, { deployment: path, rpcUrl: values.rpcUrl });
        assertRelated(old, client);
        const from = client.writesTo(old.deployment);
        const providerId = provider === undefined ? undefined : (`0x${provider}` as const);
        const { moved, waiting } = report;
        const hasParts = await moveCosigned({ from, old: { ...old, address: client.address } }, report, {
          ...{ output, format: client.format },
        });
        const holdings = await readHoldings(old, client.address, providerId);
        const { credit, withdrawable, held } = holdings;
        // In a dry run the parts of pots are no credit yet.
        if (credit > 0n || (hasParts && !client.isDry)) {
          const isPaid = await attempt(waiting, { what: 'credit', amount: credit }, from.claim);
          if (isPaid) moved.wallet += credit;
        }
        if (withdrawable > 0n && providerId !== undefined) {
          const earned = { what: 'earnings', amount: withdrawable };
          const pay = () => from.withdrawEarnings(providerId, client.address);
          if (await attempt(waiting, earned, pay)) moved.wallet += withdrawable;
        }
        if (held > 0n) report.waiting.push({ what: 'earnings', amount: held, why: 'held, as after every reply' });
        for (const route of listRoutes({ from, to }, providerId)) await moveStake(route, holdings, report);
        await moveBond({ from, to }, holdings, { report, isLeaving: leave });
        await moveDeposit({ from, to }, holdings, report);
        report.waiting = nameTimes(report.waiting, await readHoldings(old, client.address, providerId));
        const { deposit, stake, priority, bond, keyBond, wallet } = report.moved;
        const all = [deposit, stake, priority, bond, keyBond, wallet];
        const names = ['deposit', NAMES.stake, NAMES.priority, 'bond', NAMES.keyBond, 'to the account'];
        output.writeError(`${names.map((one, i) => `${one} ${client.format(all[i] ?? 0n)}`).join(', ')}\n`);
        for (const one of report.waiting) output.writeError(formatWaiting(one, client.format));
        if (all.every((one) => one === 0n) && report.waiting.length === 0) {
          output.writeError(`${client.address} has nothing in ${path}: is it the account that was meant?\n`);
        }
      },
    });
  },
};

/** @throws ConfigError where money of the one is none in the other */
function assertRelated({ deployment: old }: ChainClient, { deployment: next }: ChainClient): void {
  if (old.escrow === next.escrow) throw new ConfigError(NAME, ['--from and --deployment are the same contracts']);
  if (old.chainId !== next.chainId || old.token !== next.token || old.burnAndMint !== undefined) {
    throw new ConfigError(NAME, ['the two deployments have different tokens: nothing of the one counts in the other']);
  }
}
