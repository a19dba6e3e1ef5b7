import { renameSync, rmSync } from 'node:fs';
import { EngineError } from '@ogong/engine/interface/engine-error';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { Refusal } from '@ogong/host/link/link-error';
import { findEndProblem, parseEnd, type SignedEnd } from '@ogong/protocol/exchange/ending/order-end';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { type GenerateRequest, ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import {
  createNetwork,
  findReplyId,
  ledger,
  type Network,
  type NetworkOptions,
  receive,
  until,
} from '@ogong/testing/provider/provider-fixture';
import { afterEach, describe, expect, it } from 'vitest';
import { ReplyTextError } from '../modality/text/commit-reply.ts';
import { nameEnd } from './serving/order-ending.ts';

let open: Network | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

/** A provider whose engine dies after the first tokens. */
async function start(options: NetworkOptions = { engine: { failAtDecode: 12 } }): Promise<Network> {
  open = await createNetwork(options);
  return open;
}

/** Reads a stream up to its error. @returns the names of its events, and the end that it shows. */
async function readBroken({ client }: Network, message: GenerateRequest) {
  const events: (string | undefined)[] = [];
  let end: SignedEnd | undefined;
  try {
    for await (const { event } of client.service(ProviderService).generate(message)) {
      events.push(event.case);
      if (event.case === 'ended') end = event.value;
    }
  } catch (error) {
    return { events, end, error };
  }
  throw new Error('the stream did not break off');
}

const orderOf = (message: GenerateRequest) =>
  nameOrder(crypto, ledger, parseOrder(message.order?.order ?? new Uint8Array()));
const count = ({ store }: Network, table: string) => store().prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n;

/** Starts an order, and cuts the provider off in the middle. It starts again from the disk of that moment. */
async function crash(network: Network, message: GenerateRequest): Promise<void> {
  const { path } = network.store();
  const copy = `${path}.copy`;
  const broken = readBroken(network, message);
  await until(() => count(network, 'admission') === 1);
  network.store().prepare('VACUUM INTO ?').run(copy);
  await network.restart(() => {
    for (const end of ['-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
    renameSync(copy, path);
  });
  await broken;
}

describe('a provider that crashes in the middle of a reply', () => {
  const refuse = () => {
    throw new Refusal('unavailable', 'not now');
  };

  it('signs an end at its start, shows it, and hands it in once the payer had a minute for its milestone', async () => {
    const network = await start({ engine: { stepMs: 100 } });
    network.validator.onPush = refuse;
    const message = network.order();
    await crash(network, message);
    const validator = (await network.connect(3)).service(ProviderService);
    const { push } = await validator.showRecord({ replyId: findReplyId() });
    const end = push?.end as SignedEnd;
    expect(findEndProblem(crypto, end, orderOf(message))).toBeUndefined();
    expect(parseEnd(end.end).code).toBe('stopped');
    const due = network.store().prepare('SELECT due_at_ms AS due FROM outbox').get()?.due as number;
    expect(due).toBeGreaterThanOrEqual(Number(parseEnd(end.end).timeMs) + 60_000);
    await network.restart();
    const again = await (await network.connect(3)).service(ProviderService).showRecord({ replyId: findReplyId() });
    expect(again.push?.end?.end).toEqual(end.end);
  });

  it.each([
    ['has a record', []],
    [
      'expired more than ten minutes ago',
      ['DELETE FROM intake', 'UPDATE admission SET expires_at_ms = expires_at_ms - 1200000'],
    ],
  ])('signs none for an order that %s', async (_which, changes) => {
    const network = await start({});
    await receive(network.client, network.order());
    await until(() => count(network, 'intake') === 1 && count(network, 'admission') === 1);
    for (const change of changes) network.store().prepare(change).run();
    await network.restart();
    expect(count(network, 'admission')).toBe(1);
    expect([count(network, 'outbox'), network.validator.ended.length]).toEqual([0, 0]);
  });
});

describe('a provider that fails after its consent', () => {
  it('signs an end for its order, and shows it to consumer and validator', async () => {
    const network = await start();
    const message = network.order();
    const { events, end } = await readBroken(network, message);
    expect(events.at(-1)).toBe('ended');
    expect(findEndProblem(crypto, end as SignedEnd, orderOf(message))).toBeUndefined();
    expect(parseEnd((end as SignedEnd).end).code).toBe('machine-failed');
    await until(() => network.validator.ended.length === 1);
    expect(network.validator.ended[0]?.end).toEqual(end?.end);
    expect(network.validator.pushed).toEqual([]);
    await until(() => count(network, 'intake') === 1);
    expect(count(network, 'outbox')).toBe(0);
  });

  it('hands the end in after a restart, and again until the validator takes it', async () => {
    const network = await start();
    const refuse = () => {
      throw new Refusal('unavailable', 'not now');
    };
    network.validator.onPush = refuse;
    const { end } = await readBroken(network, network.order());
    expect(count(network, 'outbox')).toBe(1);
    await network.restart();
    expect(network.validator.ended).toEqual([]);
    network.validator.onPush = () => {};
    await until(() => network.validator.ended.length === 1);
    expect(network.validator.ended[0]?.end).toEqual(end?.end);
  });

  it("shows the end to the order's validator at any time, and to others after the order", async () => {
    const network = await start();
    network.validator.onPush = () => {
      throw new Refusal('unavailable', 'not now');
    };
    const { end } = await readBroken(network, network.order());
    const validator = (await network.connect(3)).service(ProviderService);
    const { push, intake } = await validator.showRecord({ replyId: findReplyId() });
    expect([push?.end?.end, push?.record, intake]).toEqual([end?.end, undefined, undefined]);
    const stranger = (await network.connect(4)).service(ProviderService);
    await expect(stranger.showRecord({ replyId: findReplyId() })).rejects.toMatchObject({ refusal: 'not-found' });
  });

  it('signs an end if the answer of the validator to its consent is lost', async () => {
    const network = await start({});
    network.validator.onAdmit = () => {
      throw new Error('the answer is lost');
    };
    await readBroken(network, network.order());
    await until(() => network.validator.ended.length === 1);
    expect(parseEnd((network.validator.ended[0] as SignedEnd).end).code).toBe('not-admitted');
  });

  it('signs none if the validator refused the order, nor for one that it refuses itself', async () => {
    const network = await start({});
    network.validator.onAdmit = () => {
      throw new Refusal('precondition', 'too little in the channel');
    };
    await readBroken(network, network.order());
    await readBroken(network, network.order({ nonce: 2, body: { max_tokens: 'many' } }));
    expect([count(network, 'outbox'), count(network, 'intake')]).toEqual([0, 0]);
  });

  it('gives the payer a minute for a milestone that it has', async () => {
    const network = await start({ engine: { failAtDecode: 90 } });
    const message = network.order({ body: { max_tokens: 200 } });
    const { events } = await readBroken(network, { ...message, milestones: true });
    expect(events).toContain('milestone');
    const due = network.store().prepare('SELECT due_at_ms AS due FROM outbox').get()?.due as number;
    const timeMs = Number(orderOf(message).expiresAtMs) - 60_000;
    expect(due).toBeGreaterThanOrEqual(timeMs + 60_000);
    expect(network.validator.ended).toEqual([]);
  });
});

it.each([
  [undefined, 'stopped'],
  [new Refusal('unavailable', 'shutting down'), 'stopped'],
  [new Refusal('not-admitted', 'no answer'), 'not-admitted'],
  [new EngineError('cancelled', 'no time'), 'stopped'],
  [new EngineError('invalid-request', 'no token goes on'), 'cannot-go-on'],
  [new RequestError('no latent', 'latent'), 'cannot-go-on'],
  [new ReplyTextError('grammar', 'another text'), 'cannot-go-on'],
  [new EngineError('engine-crashed', 'dead'), 'machine-failed'],
  [new Error('a bug'), 'machine-failed'],
])('names the reason of an end: %s', (error, code) => {
  expect(nameEnd(error)).toBe(code);
});
