import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import { Refusal } from '@ogong/host/link/link-error';
import { createGroupCommit, type GroupCommit } from '@ogong/host/store/group-commit';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createHeldLog } from '@ogong/testing/store/test-log';
import {
  createTestSigner,
  createTestValidator,
  ledger,
  payer,
  provider,
  type TestValidator,
} from '@ogong/testing/validator/test-bench';
import { createTestDelivery } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { answerOnceSynced } from './once-synced.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(() => resolve())));

/** A validator whose disk syncs when the test says so. */
function createHeldValidator(members?: () => readonly TestValidator[]) {
  const held = createHeldLog();
  let group: GroupCommit | undefined;
  const { signer } = createTestSigner({});
  const signed: string[] = [];
  const own = createTestValidator({
    ...(members && { members }),
    signer: {
      ...signer,
      sign(statement) {
        signed.push(statement.kind);
        return signer.sign(statement);
      },
    },
    wrapGroup(_group, store) {
      group = createGroupCommit(store, { log: held.log });
      return group;
    },
  });
  /** Lets all that is asked for so far end, and what follows from it. */
  async function syncAll(): Promise<void> {
    for (let i = 0; i < 8; i++) {
      await turn();
      for (const { end } of held.begun) end();
    }
  }
  async function during<T>(work: () => Promise<T>): Promise<T> {
    const done = work();
    done.catch(() => undefined);
    await syncAll();
    return done;
  }
  return { ...held, own, signed, group: group as unknown as GroupCommit, syncAll, during };
}

/** Whether it has come by now. */
function watch<T>(promise: Promise<T>) {
  const seen = { isTold: false, promise };
  promise.then(
    () => {
      seen.isTold = true;
    },
    () => {
      seen.isTold = true;
    },
  );
  return seen;
}

const announced = async ({ own, during }: ReturnType<typeof createHeldValidator>): Promise<void> => {
  await during(() => own.announce(provider));
};

describe('the answers of a validator', () => {
  it('waits for the disk: an admission, and the same again', async () => {
    const held = createHeldValidator();
    const { own, begun, signed } = held;
    await announced(held);
    const order = own.order(0);
    const before = begun.length;
    const first = watch(own.intake.admit(order));
    await turn();
    await turn();
    expect(begun.length).toBe(before + 1);
    // It is committed, and its row is there.
    expect(own.find(order.fields.replyId).state).toBe('admitted');
    // The signature is made meanwhile.
    expect(signed).toEqual(['admission']);
    const again = watch(own.intake.admit(order));
    const record = watch(own.intake.pushRecord(own.serve(order).submission));
    await turn();
    expect([first.isTold, again.isTold, record.isTold]).toEqual([false, false, false]);
    await held.syncAll();
    expect(await again.promise).toEqual(await first.promise);
    await record.promise;
    await own.close();
  });

  it('waits for the disk: a record, a delivery, and the same again', async () => {
    const held = createHeldValidator();
    const { own, during } = held;
    await announced(held);
    const order = own.order(0);
    await during(() => own.intake.admit(order));
    const reply = own.serve(order);
    const told: (() => Promise<unknown>)[] = [
      () => own.intake.pushRecord(reply.submission),
      () => own.intake.pushRecord(reply.submission),
      () => own.intake.findIntake(order.fields.replyId),
      () => own.acknowledge(order, reply),
      () => own.acknowledge(order, reply),
    ];
    const seen = [];
    for (const tell of told) {
      seen.push(watch(tell()));
      await turn();
      await turn();
    }
    expect(seen.map(({ isTold }) => isTold)).toEqual(Array(told.length).fill(false));
    await held.syncAll();
    const [first, again, found] = await Promise.all(seen.map(({ promise }) => promise));
    expect(again).toEqual(first);
    expect(found).toEqual(first);
    await own.close();
  });

  it('waits for the disk: a delivery of a reply that another validator handles, and its repetition', async () => {
    const other = createTestValidator({ index: 1, members: () => [other, held.own] });
    const held = createHeldValidator(() => [other, held.own]);
    await other.announce(provider);
    const order = other.order(0);
    const admission = await other.intake.admit(order);
    const reply = other.serve(order);
    const told = { ...createTestDelivery(order, reply, { payer, ledger }), admission };
    const tell = () => held.own.intake.acknowledge(told);
    const first = watch(tell());
    await turn();
    await turn();
    const again = watch(tell());
    await turn();
    expect([first.isTold, again.isTold]).toEqual([false, false]);
    await held.syncAll();
    const [{ held: word }, { held: same }] = await Promise.all([first.promise, again.promise]);
    expect(word).toBeDefined();
    expect(same).toEqual(word);
    await Promise.all([held.own.close(), other.close()]);
  });

  it('is nothing any more once a sync has failed', async () => {
    const held = createHeldValidator();
    const { own, begun, fail } = held;
    await announced(held);
    const order = own.order(0);
    const admitted = own.intake.admit(order);
    await turn();
    await turn();
    const again = own.intake.admit(order);
    const both = Promise.allSettled([admitted, again]);
    fail(begun.length - 1);
    expect((await both).map((one) => one.status === 'rejected' && one.reason.code)).toEqual(['io', 'io']);
    await expect(own.intake.admit(order)).rejects.toMatchObject({ code: 'io' });
    await expect(held.group.synced()).rejects.toMatchObject({ code: 'io' });
    await own.close();
  });
});

describe('an answer of a validator', () => {
  type Handler = (request: unknown, context: HandlerContext) => unknown;

  function route(group: Pick<GroupCommit, 'synced'>) {
    const handlers = new Map<unknown, Handler>();
    const router = {
      rpc(method: unknown, handle: Handler) {
        handlers.set(method, handle);
        return router;
      },
    } as unknown as ConnectRouter;
    const { method } = ValidatorService;
    answerOnceSynced(router, group)
      .rpc(method.getBeacon, () => ({ certificate: Uint8Array.of(1) }))
      .rpc(method.getHead, () => {
        throw new Refusal('not-found', 'no such head');
      })
      .rpc(method.admit, async () => ({}));
    return (name: 'getBeacon' | 'getHead' | 'admit') =>
      watch(Promise.resolve((handlers.get(method[name]) as Handler)({}, {} as HandlerContext)));
  }

  it('waits for what is committed, a refusal too, and an admission for nothing beside its own write', async () => {
    const synced = Promise.withResolvers<void>();
    const call = route({ synced: () => synced.promise });
    const [answer, refusal, admission] = [call('getBeacon'), call('getHead'), call('admit')];
    await turn();
    expect([answer.isTold, refusal.isTold, admission.isTold]).toEqual([false, false, true]);
    synced.resolve();
    expect(await answer.promise).toEqual({ certificate: Uint8Array.of(1) });
    await expect(refusal.promise).rejects.toThrow('no such head');
  });

  it('waits, whatever was asked, except where the work itself waits', async () => {
    const told: string[] = [];
    const seen = Object.values(ValidatorService.method).map((method) => {
      const handlers: Handler[] = [];
      const router = {
        rpc(_method: unknown, handle: Handler) {
          handlers.push(handle);
        },
      } as unknown as ConnectRouter;
      answerOnceSynced(router, { synced: () => new Promise(() => {}) }).rpc(method, (() => ({})) as never);
      return { name: method.localName, ...watch(Promise.resolve(handlers[0]?.({}, {} as HandlerContext))) };
    });
    await Promise.race([Promise.all(seen.map(({ promise, name }) => promise.then(() => told.push(name)))), turn()]);
    expect(told.sort()).toEqual(['acknowledge', 'acknowledgeAll', 'admit', 'pushRecord']);
  });

  it('is an error if the disk has failed', async () => {
    const call = route({ synced: () => Promise.reject(new Error('EIO')) });
    await expect(call('getBeacon').promise).rejects.toThrow('EIO');
    await expect(call('getHead').promise).rejects.toThrow('EIO');
  });
});
