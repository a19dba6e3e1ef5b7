import { createGroupCommit } from '@ogong/host/store/group-commit';
import { toHex } from '@ogong/protocol/base/bytes';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createNetwork, findReplyId, receive, until } from '@ogong/testing/provider/provider-fixture';
import { createFailingDisk, type FailingDisk } from '@ogong/testing/store/test-log';
import { describe, expect, it } from 'vitest';

const ORDERS = [1, 2];

/**
 * Serves two orders at once while the disk fails from one sync on. Then it cuts the power and starts again from the disk:
 * everything that was confirmed by then has to be there.
 */
async function live(failsAt: number) {
  let disk: FailingDisk | undefined;
  const network = await createNetwork({
    commits(store) {
      disk = createFailingDisk(store.path, disk === undefined ? failsAt : Number.POSITIVE_INFINITY);
      return createGroupCommit(store, { log: disk.log });
    },
  });
  try {
    const { validator } = network;
    const first = disk as FailingDisk | undefined;
    const messages = ORDERS.map((nonce) => network.order({ nonce }));
    const served = await Promise.all(
      messages.map(async (message, i) => {
        const replyId = findReplyId(ORDERS[i]);
        const isFinished = await receive(network.client, message).then(
          () => true,
          () => false,
        );
        const opening = await network.client
          .service(ProviderService)
          .getOpening({ replyId })
          .then(
            (answer) => answer.opening,
            () => undefined,
          );
        return { message, replyId, isFinished, opening };
      }),
    );
    const finished = served.filter(({ isFinished }) => isFinished).length;
    if (failsAt === Number.POSITIVE_INFINITY) await until(() => validator.pushed.length === ORDERS.length);
    await network.restart(() => first?.cutPower());
    const told = {
      admitted: validator.admitted.map(({ order }) => toHex(order?.order ?? new Uint8Array())),
      pushed: validator.pushed.map(({ order }) => toHex(order?.order ?? new Uint8Array())),
    };
    const kept = network
      .store()
      .prepare(
        'SELECT message FROM outbox WHERE reply_id = ?1 UNION ALL SELECT message FROM intake WHERE reply_id = ?1',
      );
    for (const { message, replyId, isFinished, opening } of served) {
      const order = toHex(message.order?.order ?? new Uint8Array());
      if (isFinished || told.pushed.includes(order)) expect(kept.all(replyId).length).toBe(1);
      if (isFinished || opening) {
        const shown = await network.client.service(ProviderService).getOpening({ replyId });
        if (opening) expect(shown.opening).toEqual(opening);
      }
      // An order that it has agreed to is served once.
      if (told.admitted.includes(order)) {
        await expect(receive(network.client, message)).rejects.toThrow('was ordered before');
      }
    }
    return { syncs: first?.syncs() ?? 0, finished, admitted: told.admitted.length, pushed: told.pushed.length };
  } finally {
    await network.close();
  }
}

describe('a provider whose disk fails', () => {
  it('confirms nothing that a power failure undoes, whichever sync fails', async () => {
    const whole = await live(Number.POSITIVE_INFINITY);
    expect(whole).toMatchObject({ finished: 2, admitted: 2, pushed: 2 });
    const lives = [];
    for (let failsAt = 0; failsAt < whole.syncs; failsAt++) lives.push(await live(failsAt));
    // Where the first one fails nothing is agreed to, and somewhere an order is agreed to whose record is not kept.
    expect(lives[0]).toMatchObject({ finished: 0, admitted: 0, pushed: 0 });
    expect(lives.some(({ admitted, pushed }) => admitted > 0 && pushed === 0)).toBe(true);
  });
});
