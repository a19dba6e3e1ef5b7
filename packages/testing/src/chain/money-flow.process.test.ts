import type { Address } from '@ogong/chain/hex';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stakeIn } from './booked-stake.ts';
import { callChain, createFlow, createFlowDraw, type RpcCall } from './flow-chain.ts';
import { applyDeed, channelIn, createMoneyBook, type MoneyBook, type MoneyDeed } from './money-book.ts';
import { createMoneyDraw } from './money-draw.ts';
import { createMoneyEncoder } from './money-encode.ts';
import { createMoneyView } from './money-view.ts';
import { LAMBDA_PPM, type MoneyWorld, openMoneyWorld, PERIOD_S } from './money-world.ts';
import type { BlockTime } from './offence-book.ts';
import { unit } from './test-ledger.ts';

const SEED = Number(process.env.OGONG_SEED ?? 24);
const IS_LONG = process.env.OGONG_LONG === '1';
const DEEDS = IS_LONG ? 10_000 : 250;

/** All kinds of actions. */
const KINDS: Readonly<Record<MoneyDeed['kind'], true>> = {
  ...{ deposit: true, withdraw: true, admit: true, request: true, lien: true, finish: true, claim: true },
  ...{ transfer: true, pause: true, open: true, settle: true, allowKey: true, cosigned: true },
  ...{ prioritize: true, deprioritize: true, finishPriority: true },
  ...{ bondKey: true, unbondKey: true, finishKey: true, forfeit: true, earnings: true, collect: true },
  ...{ stake: true, unstake: true, finishUnstake: true, collectPenalty: true, pardon: true },
  ...{ convict: true, appeal: true, drawPanel: true, acquit: true, close: true },
  ...{ beRouter: true, retireRouter: true, ejectMachine: true, reinstate: true },
  ...{ ask: true, drawSeats: true, lift: true, forfeitDeposit: true, allot: true, emission: true },
};

let world: MoneyWorld;
const rpc = (...calls: readonly RpcCall[]): Promise<unknown[]> => callChain(world.ledger.chain.rpcUrl, ...calls);

beforeAll(async () => {
  // A long run has keys that are never ejected.
  world = await openMoneyWorld(IS_LONG ? 7 : 3);
});
afterAll(() => world?.ledger.stop());

let beginning: unknown;
beforeEach(async () => {
  if (beginning !== undefined) await rpc(['evm_revert', [beginning]]);
  [beginning] = await rpc(['evm_snapshot', []]);
});

describe('money through the contracts', () => {
  it('agrees with the model after each block, through crashes, repeats and reorganisations', async () => {
    const flow = await openFlow(SEED);
    // Each of these happened, so no check passed by default. The time between two blocks depends on the machine.
    const isShort = () => Object.values(flow.counts()).some((count) => count === 0);
    const started = performance.now();
    while (flow.counts().deeds < DEEDS || (isShort() && flow.counts().deeds < 12 * DEEDS)) await flow.step();
    const seconds = Math.round((performance.now() - started) / 1_000);
    console.log(
      `money flow from seed ${SEED}, ${seconds} s: ${JSON.stringify(flow.counts())}\n${flow.describeKinds()}`,
    );
    for (const [what, count] of Object.entries(flow.counts())) expect(count, what).toBeGreaterThan(0);
    // A long run performs and refuses every action that the model knows.
    if (IS_LONG) expect(flow.listMissed()).toEqual([]);
  }, 3_600_000);

  it('differs from a model that is off by one unit in any balance', async () => {
    const flow = await openFlow(SEED + 1);
    for (let i = 0; i < 40; i++) await flow.step();
    const more = (map: Map<string, bigint>, key: string): void => void map.set(key, (map.get(key) ?? 0n) + 1n);
    const { ledger, rules, providerIds, delegateAccounts } = world;
    const [payee, payer] = [world.payees, world.payers].map((list) => list[0]?.address) as [string, string];
    const wallet = world.wallets[0] as MoneyWorld['wallets'][number];
    const bends: Readonly<Record<string, (book: MoneyBook) => void>> = {
      credit: ({ credit }) => more(credit, ledger.treasury),
      stake: ({ offences }) => void stakeIn(offences.stakes, payee).amount++,
      'what penalties hold': ({ offences }) => {
        const held = offences.held.get(payee) ?? { amount: 0n, since: 0n, count: 0 };
        offences.held.set(payee, { ...held, amount: held.amount + 1n });
      },
      'what cases hold': ({ tokens }) => more(tokens, rules.offences.cases),
      'what the emission has': ({ tokens }) => more(tokens, rules.emission.emission),
      'what is tallied': ({ emission }) => void emission.talliedUntil++,
      'an ejection': ({ ejected }) => void ejected.set(providerIds[2] as string, 1n),
      'what an appeal put down': ({ appeals }) =>
        void appeals.deposits.set('', {
          ...{ against: 'penalty', about: payee, number: 1, from: payee, amount: 1n, until: 0n },
        }),
      'a lien': (book) => void channelIn(book, payer, wallet.validator).lien++,
      'a pause': (book) => void book.pausedUntil++,
      'a limit of a key': ({ keyLimits }) =>
        more(keyLimits, `${wallet.address} ${wallet.validator} ${delegateAccounts[0]}`),
    };
    await flow.reconcile();
    for (const [what, bend] of Object.entries(bends)) {
      await expect(flow.reconcile(bend), what).rejects.toThrow();
    }
  });
});
/** Starts the model from the state of the chain. */
async function openFlow(seed: number) {
  const draws = createFlowDraw(seed);
  const { below, isDrawn } = draws;
  const counts = {
    settlements: 0,
    cosigned: 0,
    priorities: 0,
    keyBonds: 0,
    leftBonds: 0,
    forfeits: 0,
    leftStakes: 0,
    penalties: 0,
    pardons: 0,
    collectedPenalties: 0,
    convictions: 0,
    acquittals: 0,
    closedCases: 0,
    tallies: 0,
    emissions: 0,
    keys: 0,
    liens: 0,
    appeals: 0,
    delegated: 0,
    ofWallets: 0,
    cohorts: 0,
  };
  /** Releases of which a lien kept a part. */
  let keptByLiens = 0;
  const { ledger, rules, payers, validators, payees, wallets } = world;
  const { chainId, escrow, earnings, staking } = ledger.deployment;
  const { cases } = rules.offences;
  const { emission } = rules.emission;
  const { readChain, describeBook } = createMoneyView(world);
  let book = await readBook();

  /** Applies an action and counts it. */
  function apply(on: MoneyBook, deed: MoneyDeed, block: BlockTime): boolean {
    const isOfPot = deed.kind === 'cosigned';
    const hadPart = isOfPot && (on.pots.get(`${deed.roster} ${deed.day}`)?.own.get(deed.account) ?? 0n) > 0n;
    const before = countPenalties(on);
    if (deed.kind === 'finish') {
      const { lien, spent, lienUntil, releasableAt } = channelIn(on, deed.from, deed.to);
      if (lien > spent && releasableAt <= block.now && block.now < lienUntil) keptByLiens++;
    }
    const isDone = applyDeed(on, rules, deed, block);
    if (isDone && hadPart) counts.cosigned++;
    if (isDone) countDeed(deed);
    counts.penalties += countPenalties(on) - before;
    return isDone;
  }

  const countPenalties = (on: MoneyBook): number =>
    [...on.offences.held.values()].reduce((sum, { count }) => sum + count, 0);

  /** Counts a performed action. */
  function countDeed(deed: MoneyDeed): void {
    const names: Readonly<Partial<Record<MoneyDeed['kind'], keyof typeof counts>>> = {
      ...{ settle: 'settlements', finishPriority: 'priorities', bondKey: 'keyBonds', finishKey: 'leftBonds' },
      ...{ forfeit: 'forfeits', finishUnstake: 'leftStakes', pardon: 'pardons', collectPenalty: 'collectedPenalties' },
      ...{ convict: 'convictions', acquit: 'acquittals', close: 'closedCases', allot: 'tallies' },
      ...{ emission: 'emissions', allowKey: 'keys', lien: 'liens', ask: 'appeals' },
    };
    const name = names[deed.kind];
    if (name !== undefined) counts[name]++;
    if (deed.kind !== 'settle') return;
    const { debits, isCohort } = deed.settlement;
    counts.delegated += debits.filter(({ payer, signer }) => payer !== signer).length;
    counts.ofWallets += debits.filter(({ payer }) => wallets.some(({ address }) => address === payer)).length;
    if (isCohort) counts.cohorts++;
  }
  /** Compares every balance of chain and model, and checks that their sums did not change. */
  async function reconcile(bend?: (book: MoneyBook) => void): Promise<void> {
    const { chain, now } = await readChain(book);
    const held = bend === undefined ? book : structuredClone(book);
    bend?.(held);
    expect(describeBook(held, now)).toEqual(chain);
    const value = (name: string): bigint => BigInt(chain[name] ?? '0');
    const sum = (prefix: string): bigint =>
      Object.keys(chain).reduce((total, name) => (name.startsWith(prefix) ? total + value(name) : total), 0n);
    expect(value(`tokens ${escrow}`)).toBe(sum('free ') + sum('reserved ') + sum('credit '));
    expect(value(`tokens ${earnings}`) + value(`credit ${earnings}`)).toBe(sum('held ') + sum('bonded '));
    expect(value(`tokens ${staking}`)).toBe(sum('priority ') + sum('staked ') + sum('penalties ') + rules.votes);
    const open = held.offences.cases.filter(({ isOver }) => !isOver);
    const put = [...open, ...held.appeals.deposits.values()];
    expect(value(`tokens ${cases}`)).toBe(put.reduce((total, { amount }) => total + amount, 0n));
    // The emission gave less than what was recycled.
    const given = book.emission.allotments.reduce((total, { budget }) => total + budget, 0n);
    expect(given * 1_000_000n <= value(`credit ${emission}`) * BigInt(LAMBDA_PPM)).toBe(true);
  }
  /** Reads a chain on which nothing was settled yet. */
  async function readBook(): Promise<MoneyBook> {
    const begun = createMoneyBook(rules.emission.start);
    // Reservations of the wallets.
    for (const { address, validator } of wallets) channelIn(begun, address, validator).admitted = unit;
    const { chain } = await readChain(begun);
    for (const [name, text] of Object.entries(chain)) {
      const [what = '', who = ''] = name.split(' ');
      if (what === 'tokens') begun.tokens.set(who, BigInt(text));
    }
    return begun;
  }
  const drawDeed = createMoneyDraw(world, { draws, progress: () => flow.counts.deeds / DEEDS });
  const flow = await createFlow<MoneyBook, MoneyDeed>({
    ...{ rpcUrl: ledger.chain.rpcUrl, chainId, draws, book, apply, drawDeed },
    accounts: [
      ...[...payers, ...validators, ...payees],
      { address: rules.guardian as Address, privateKey: ledger.governorKey },
    ],
    nameKind: (deed) => ('against' in deed ? `${deed.kind} ${deed.against}` : deed.kind),
    encode: createMoneyEncoder(world),
    async reconcile(now) {
      book = now;
      await reconcile();
    },
    isRepeated: ({ kind }) => kind === 'settle',
    // Co-signers may claim their parts once the day is over.
    drawWait: () => (isDrawn(0.05) ? 86_400 : isDrawn(0.2) ? below(2 * PERIOD_S) : 0),
  });
  return {
    counts: () => ({ ...flow.counts, ...counts }),
    describeKinds: () => `${flow.describeKinds()}, kept by liens ${keptByLiens}`,
    listMissed: () => [...listMissed(flow.kinds), ...(keptByLiens === 0 ? ['kept by liens'] : [])],
    ...{ step: flow.step, reconcile },
  };
}

/** Returns the kinds of actions that the contracts never performed or never refused. */
function listMissed(
  kinds: ReadonlyMap<string, { readonly done: number; readonly refused: number }>,
): readonly string[] {
  const asked = Object.keys(KINDS).flatMap((kind) =>
    kind === 'ask' || kind === 'lift' ? ['ejection', 'penalty', 'vesting'].map((what) => `${kind} ${what}`) : [kind],
  );
  return asked.filter((kind) => {
    const { done = 0, refused = 0 } = kinds.get(kind) ?? {};
    return done === 0 || refused === 0;
  });
}
