import { parseOrder } from '@ogong/protocol/exchange/order';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import { parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { listEntries } from '@ogong/validator/store/batch-store';
import type { Machine } from '../world/process.ts';
import type { World } from '../world/world.ts';

export interface NewcomerWatch {
  /** At the end of the run. */
  finish(): void;
}

const MOST_ENTRIES = 1_000_000;
const ORDER = 'SELECT order_bytes FROM replies WHERE reply_id = ?';

/** Checks keys without a bond at the time of the order. A reply costs at most the entrance, and every paid reply is audited. */
export function watchNewcomers(
  world: Pick<World, 'ledger' | 'violate'>,
  honest: readonly Pick<Machine, 'name' | 'disk'>[],
  entranceAtomic: bigint,
): NewcomerWatch {
  return {
    finish() {
      for (const { name, disk } of honest) {
        const store = disk.find('validator');
        for (const { entry, replyId } of store ? listEntries(store, 0n, MOST_ENTRIES) : []) {
          const { feeAtomic, verdict, providerId, payee } = parseVerdictEntry(entry);
          const row = store?.prepare(ORDER).get(replyId);
          if (feeAtomic === 0n || row === undefined) continue;
          const orderedMs = computeOrderSpan(parseOrder(row.order_bytes as Uint8Array)).fromMs;
          if (world.ledger.mostHeldBy({ providerId, payee }, orderedMs) > 0n) continue;
          const what = `${Buffer.from(replyId).toString('hex')} at ${name}`;
          if (verdict === 'unaudited') world.violate('newcomers-are-audited', `${what} was not`);
          if (feeAtomic > entranceAtomic) world.violate('newcomers-serve-little', `${what} costs ${feeAtomic}`);
        }
      }
    },
  };
}
