import { setTimeout as delay } from 'node:timers/promises';
import { LinkError } from '@ogong/host/link/link-error';
import type { Store } from '@ogong/host/store/store';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { createNetwork, receive, until } from '@ogong/testing/provider/provider-fixture';
import { createTestValidator, provider, type TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { toPushMessage } from '@ogong/testing/validator/test-reply';
import { afterEach, describe, expect, it } from 'vitest';
import { openRouter } from './router-door.ts';
import { serveValidator } from './validator-door.ts';

const closing: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/**
 * Makes every commit fail as SQLite does when the write-ahead log cannot grow. The tests of the store show that SQLite fails
 * like this and loses nothing. @returns a function that makes room again.
 */
function fillDisk({ database }: Pick<Store, 'database'>): () => void {
  const exec = database.exec.bind(database);
  database.exec = (sql) => {
    if (sql === 'COMMIT') throw Object.assign(new Error('database or disk is full'), { errcode: 13 });
    exec(sql);
  };
  return () => {
    database.exec = exec;
  };
}

async function failureOf(call: Promise<unknown>): Promise<LinkError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LinkError);
  return error as LinkError;
}

const isDiskFull = expect.objectContaining({ retryable: true, message: expect.stringMatching(/disk-full.*try again/) });

describe('a provider whose disk is full', () => {
  it('takes no order, says why, keeps what it owes, and goes on when there is room', async () => {
    const network = await createNetwork();
    closing.push(network.close);
    const { validator } = network;
    await receive(network.client, network.order({ nonce: 1 }));
    const isPushed = (nonce: number) =>
      validator.pushed.some(({ order }) => parseOrder(order?.order as Uint8Array).nonce[0] === nonce);
    await until(() => isPushed(1));
    const makeRoom = fillDisk(network.store());
    expect(await failureOf(receive(network.client, network.order({ nonce: 2 })))).toEqual(isDiskFull);
    expect(validator.admitted).toHaveLength(1);
    expect(network.provider.activeReplies()).toBe(0);

    makeRoom();
    await receive(network.client, network.order({ nonce: 3 }));
    await until(() => isPushed(3));
    expect(isPushed(2)).toBe(false);
  });

  it('sends no record twice in a row that it cannot strike off, nor loses one', async () => {
    const network = await createNetwork({ provider: { outbox: { firstRetryMs: 20, maxRetryMs: 300 } } });
    closing.push(network.close);
    const { validator } = network;
    const held = Promise.withResolvers<void>();
    let makeRoom = (): void => {};
    validator.onPush = () => {
      // The validator acknowledges the record, and the provider cannot store that.
      makeRoom = fillDisk(network.store());
      held.resolve();
    };
    await receive(network.client, network.order());
    await held.promise;
    validator.onPush = () => {};
    await delay(100);
    expect(validator.pushed).toHaveLength(1);
    makeRoom();
    await until(() => validator.pushed.length === 2);
    expect(validator.pushed[1]?.record?.record).toEqual(validator.pushed[0]?.record?.record);
    await until(() =>
      network.store().read(({ prepare }) => prepare('SELECT count(*) AS n FROM outbox').get()?.n === 0),
    );
  });
});

describe('a validator whose disk is full', () => {
  it('admits and acknowledges nothing, says why, and settles what it acknowledged when there is room', async () => {
    const validator: TestValidator = createTestValidator({
      verifiers: (peer, job) => answerHonestly(validator.served)(peer, job),
    });
    closing.push(validator.close);
    const door = await serveValidator(validator);
    closing.push(door.close);
    const service = (await door.connect(1)).service(ValidatorService);
    await validator.announceVerifier('second');
    await validator.announce(provider);
    await validator.deliver(1);
    const admitted = validator.order(2);
    await service.admit({ order: admitted, consent: admitted.consent });

    const makeRoom = fillDisk(validator.store);
    const third = validator.order(3);
    expect(await failureOf(service.admit({ order: third, consent: third.consent }))).toEqual(isDiskFull);
    const late = toPushMessage(validator.serve(admitted).submission);
    expect(await failureOf(service.pushRecord(late))).toEqual(isDiskFull);
    await expect(validator.audit.tick()).resolves.toBeUndefined();
    await expect(validator.certify()).rejects.toMatchObject({ code: 'disk-full' });

    makeRoom();
    await service.pushRecord(late);
    await validator.certify();
    await validator.runAudits();
    await validator.runAudits();
    expect(validator.decided.map(({ verdict }) => verdict)).toEqual(['accept', 'accept']);
    while (await validator.settlement.step());
    expect(validator.chain.settled).toHaveLength(1);
  });
});

describe('a router whose disk is full', () => {
  it('takes no announcement, says why, and still routes to known providers', async () => {
    const { store, service, announcement, route, close } = await openRouter();
    closing.push(close);
    await service.announce(announcement());
    const makeRoom = fillDisk(store);
    expect(await failureOf(service.announce(announcement()))).toEqual(isDiskFull);
    expect((await service.route(route())).ticket).toBeDefined();
    makeRoom();
    await service.announce(announcement());
  });
});

describe('a gateway whose disk is full', () => {
  it('orders nothing, says so, and serves again when there is room', async () => {
    const { network, store, url, close } = await createGatewayFixture();
    closing.push(close);
    const ask = () =>
      fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: FAKE_MODEL, messages: [{ role: 'user', content: 'hello' }] }),
      });
    const makeRoom = fillDisk(store);
    const refused = await ask();
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({
      error: { type: 'server_error', code: 'storage_failed', message: expect.stringContaining('disk-full') },
    });
    expect(network.orders).toEqual([]);
    makeRoom();
    expect((await ask()).status).toBe(200);
  });
});
