import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { createReplyIds, PROVIDER_SCHEMA } from '@ogong/provider/provider/provider-store';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import {
  createTestClock,
  createTestValidator,
  ledger,
  provider,
  type TestValidator,
} from '@ogong/testing/validator/test-bench';
import { answerHonestly, createTestCalls } from '@ogong/testing/validator/test-calls';
import { createTestChain } from '@ogong/testing/validator/test-chain';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { createTestHybrid, createTestLedgerSigner, createTestPayee, seedOf } from '@ogong/testing/validator/test-keys';
import {
  PRICE_PER_1K,
  type ServeInput,
  serveTestReply,
  type TestOrder,
  type TestReply,
} from '@ogong/testing/validator/test-reply';
import { pruneBatch } from '@ogong/validator/store/batch-store';
import { IS_SETTLED } from '@ogong/validator/store/replies/reply-states';
import { readProvider } from '@ogong/validator/store/verdict-store';
import { defineAttack } from '../define-attack.ts';

/** One thing that happens. `validator`, `nonce` and `payer` say whose order it is about; a nonce is used again and again. */
export interface ReuseStep {
  readonly kind: 'order' | 'abandon' | 'frame' | 'replay' | 'settle' | 'restart' | 'sweep' | 'wait';
  readonly validator: number;
  readonly nonce: number;
  readonly payer: number;
  readonly minutes: number;
}

interface ReuseOutcome {
  /** Validators that count the honest provider as ejected, or batches that eject it. */
  readonly ejections: number;
  /** Paid, less the fees of all different orders that were served; above 0, something was paid twice. */
  readonly overpaid: bigint;
  /** Replies that are accepted or decided, and that no batch settles. */
  readonly stuck: number;
  /** How many orders reused an id that was used before, and were served, or refused. */
  readonly reused: { readonly served: number; readonly refused: number };
  readonly settled: number;
}

/** All of them sign batches; orders go to the first two. */
const VALIDATORS = 4;
const MINUTE_MS = 60_000;
const RETENTION_MS = 60 * MINUTE_MS;
const TOKENS = 8;
/** The prompt has three tokens. */
const FEE = ((3n + BigInt(TOKENS)) * PRICE_PER_1K) / 1000n;

interface Used {
  readonly order: TestOrder;
  readonly reply: TestReply | undefined;
  /** Whether its validator admitted it. */
  readonly isOwed: boolean;
}

/** Four validators on disks, an honest provider that remembers as the real one does, and payers that use nonces again. */
function openWorld() {
  const directory = createTestDirectory('reused-ids');
  const [chain, clock] = [createTestChain(), createTestClock()];
  const served = new Map<string, TestReply>();
  const calls = createTestCalls(answerHonestly(served), { path: `${directory.path}/verifiers.db` });
  const all: TestValidator[] = [];
  const open = (index: number): TestValidator => {
    const validator = createTestValidator({
      ...{ index, chain, clock, calls, members: () => all, path: `${directory.path}/${index}.db` },
      getOpening: async (_peer, replyId) => (served.get(toHex(replyId)) as TestReply).reply.openingBytes,
    });
    validator.store.database.exec('PRAGMA synchronous = OFF');
    return validator;
  };
  for (let index = 0; index < VALIDATORS; index++) all.push(open(index));
  const openProvider = () => {
    const store = openStore(`${directory.path}/provider.db`, { schema: PROVIDER_SCHEMA });
    store.database.exec('PRAGMA synchronous = OFF');
    const group = createGroupCommit(store, { maxDelayMs: 0 });
    return { store, group, ids: createReplyIds(store, group) };
  };
  let memory = openProvider();
  return {
    ...{ directory, chain, clock, served, all },
    restartVerifiers: calls.restart,
    orders: 0,
    ids: () => memory.ids,
    async restartProvider() {
      await memory.group.close();
      memory.store.close();
      memory = openProvider();
    },
    async restart(index: number) {
      await (all[index] as TestValidator).close();
      all[index] = open(index);
    },
    async close() {
      for (const validator of all) await validator.close();
      await memory.group.close();
      memory.store.close();
      await calls.close();
      directory.remove();
    },
  };
}

type World = ReturnType<typeof openWorld>;

const payers = [0, 1].map((n) => createTestLedgerSigner(seedOf(`reusing payer ${n}`)));

/** Announcements live for a day at most; time passes in leaps here. */
async function announceAll({ all, clock }: World): Promise<void> {
  const sequence = BigInt(clock.nowMs());
  const key = createTestHybrid('v1');
  const verifier = { endpoint: 'v1:1', certHash: seedOf('v1'), keyHash: hashHybridKey(crypto, key.publicKey) };
  for (const validator of all.slice(0, 2)) {
    await validator.announce(provider, { sequence });
    await validator.announce(key, { sequence, endpoint: 'v1:1', verifier }, createTestPayee('v1'));
  }
}

async function settleAll(world: World): Promise<void> {
  const { all, clock } = world;
  clock.advance(1);
  await announceAll(world);
  for (const validator of all) await validator.certify();
  for (const validator of all.slice(0, 2)) await validator.runAudits();
  for (const validator of all.slice(0, 2)) while (await validator.settlement.step());
  for (const { store } of all) store.transact((db) => void pruneBatch(db, clock.nowMs() - RETENTION_MS));
}

/** A provider that accepts each id once. A refused order gets neither consent nor record. */
async function placeOrder(
  world: World,
  step: ReuseStep,
  used: Map<string, Used[]>,
  counts: { served: number; refused: number },
) {
  const validator = world.all[step.validator % 2] as TestValidator;
  const payer = payers[step.payer % payers.length] as (typeof payers)[number];
  const cumulativeAtomic = 10n ** 12n + BigInt(world.clock.nowMs());
  // Each order asks for something else, so that verifiers can tell replies apart.
  const order = validator.order(world.orders++, { cumulativeAtomic, nonce: nonceOf(step.nonce) }, payer, TOKENS);
  const key = toHex(order.fields.replyId);
  const before = used.get(key) ?? [];
  const claim = world.ids().claim(order.fields.replyId, Number(order.fields.expiresAtMs));
  if (typeof claim === 'string') {
    // The payer may still have an older consent for the same id.
    const consent = before.at(-1)?.order.consent ?? order.consent;
    const isTaken = before.length > 0 && (await isAdmitted(validator, { ...order, consent }));
    if (isTaken) throw new Error('an order was admitted with the consent of another');
    counts.refused++;
    return;
  }
  await claim;
  const isOwed = await isAdmitted(validator, order);
  if (before.length > 0) counts[isOwed ? 'served' : 'refused']++;
  let reply: TestReply | undefined;
  if (step.kind === 'order') {
    // Where the validator knows the id, a liar says that it took the order: the provider signs a second record under one id.
    const beacon = validator.archive.find(order.fields.epoch) as ServeInput['beacon'];
    reply = serveTestReply(order, { provider, payer, ledger, beacon });
    if (isOwed) {
      world.served.set(key, reply);
      await validator.intake.pushRecord(reply.submission);
    }
  }
  used.set(key, [...before, { order, reply, isOwed }]);
}

const isAdmitted = ({ intake }: TestValidator, order: TestOrder): Promise<boolean> =>
  intake.admit(order).then(
    () => true,
    () => false,
  );

/** Shows records of one order under others with the same nonce, here and at another validator, as delivery and as complaint. */
async function frame({ all }: World, { validator: at, nonce }: ReuseStep, used: Map<string, Used[]>): Promise<void> {
  const same = [...used.values()].flat().filter(({ order }) => toHex(order.fields.nonce) === toHex(nonceOf(nonce)));
  const validator = all[at % 2] as TestValidator;
  for (const { order } of same.slice(-3))
    for (const { reply } of same.slice(-3)) {
      if (reply === undefined) continue;
      const { record } = reply.submission;
      const complaint = { order, reason: 'two records', record, opening: reply.reply.openingBytes };
      await validator.complain(complaint).catch(() => undefined);
      const moved = { ...reply.submission, order: { order: order.order, signature: order.signature } };
      await validator.intake.pushRecord(moved).catch(() => undefined);
    }
}

const nonceOf = (index: number): Uint8Array => crypto.sha256(new TextEncoder().encode(`nonce ${index}`));

/** Takes old orders, with their consents, to the validators once more. */
async function replay({ all }: World, { validator: at, nonce }: ReuseStep, used: Map<string, Used[]>): Promise<void> {
  const same = [...used.values()].flat().filter(({ order }) => toHex(order.fields.nonce) === toHex(nonceOf(nonce)));
  for (const { order, reply } of same) {
    await isAdmitted(all[at % 2] as TestValidator, order);
    if (reply !== undefined)
      await (all[at % 2] as TestValidator).intake.pushRecord(reply.submission).catch(() => undefined);
  }
}

async function takeStep(
  world: World,
  step: ReuseStep,
  used: Map<string, Used[]>,
  counts: { served: number; refused: number },
) {
  const { clock, all } = world;
  clock.advance(1_000);
  if (step.kind === 'order' || step.kind === 'abandon') await placeOrder(world, step, used, counts);
  else if (step.kind === 'frame') await frame(world, step, used);
  else if (step.kind === 'replay') await replay(world, step, used);
  else if (step.kind === 'settle') await settleAll(world);
  else if (step.kind === 'wait') clock.advance(step.minutes * MINUTE_MS);
  else if (step.kind === 'sweep') await world.ids().sweep(clock.nowMs());
  else {
    await world.restart(step.validator % all.length);
    await world.restartProvider();
  }
}

const reuse = (kind: ReuseStep['kind'], validator = 0): ReuseStep => ({
  ...{ kind, validator, nonce: 0, payer: 0, minutes: 15 },
});

/** Payers that use ids again, over validators, time, restarts and all that anybody forgets. */
export const reusedIds = defineAttack({
  name: 'reused-ids',
  adversary: 'payers that reuse nonces over validators, restarts and everything that was forgotten',
  aim: 'by ids that were used before: have an honest provider ejected, be paid for twice, or leave a batch that nobody can settle',
  stoppedBy: 'Each validator remembers every id, and each record names its order',
  restarts: ['validator', 'provider', 'verifier'],
  async play(steps: readonly ReuseStep[], breaks) {
    const world = openWorld();
    for (const index of world.all.keys()) breaks.add('validator', () => world.restart(index));
    breaks.add('provider', world.restartProvider);
    breaks.add('verifier', world.restartVerifiers);
    const { chain, clock } = world;
    try {
      await announceAll(world);
      const used = new Map<string, Used[]>();
      const reused = { served: 0, refused: 0 };
      for (const step of steps) {
        await breaks.take();
        await takeStep(world, step, used, reused);
      }
      // Orders that nobody served expire, and everything is settled. An audit without announced verifiers waits in real time.
      clock.advance(30 * MINUTE_MS);
      await announceAll(world);
      for (const validator of world.all) await validator.certify();
      for (const validator of world.all.slice(0, 2)) await validator.runAbandonments();
      for (let i = 0; i < 3; i++) await settleAll(world);
      return { ...measure(world, used), reused, settled: chain.settled.length };
    } finally {
      await world.close();
    }
  },
  async stage({ play }) {
    const first = [reuse('order'), reuse('settle'), reuse('wait'), reuse('sweep')];
    const again = [
      reuse('order'),
      reuse('order', 1),
      reuse('frame'),
      reuse('replay'),
      reuse('frame', 1),
      reuse('replay', 1),
    ];
    const { ejections, overpaid, stuck, reused, settled } = await play([...first, ...again]);
    return {
      tried:
        'used a nonce again, at two validators, once the provider had forgotten the order that was settled under it',
      answered: [
        `${reused.refused} orders under a known id are refused, ${reused.served} are served`,
        `${ejections} validators count the provider as ejected; ${stuck} replies wait for good`,
      ],
      money: `${settled} batches are settled; ${overpaid} atomic units were paid twice`,
      worked: ejections > 0 || overpaid > 0n || stuck > 0 || settled === 0,
    };
  },
});

function measure({ all, chain }: World, used: Map<string, Used[]>): Omit<ReuseOutcome, 'reused' | 'settled'> {
  const id = hashHybridKey(crypto, provider.publicKey);
  const marks = all.filter(({ store }) => store.read(() => readProvider(store, id)).ejected).length;
  const paid = chain.settled.flatMap(({ debits }) => debits).reduce((sum, { amount }) => sum + amount, 0n);
  const owed =
    FEE * BigInt([...used.values()].flat().filter(({ reply, isOwed }) => reply !== undefined && isOwed).length);
  const open = `SELECT count(*) AS n FROM replies WHERE state <> 'refused' AND NOT (${IS_SETTLED})`;
  return {
    ejections: marks + chain.settled.reduce((sum, { ejections }) => sum + ejections.length, 0),
    overpaid: paid > owed ? paid - owed : 0n,
    stuck: all.reduce((sum, { store }) => sum + Number(store.prepare(open).get()?.n ?? 0), 0),
  };
}
