import type { DescMethod } from '@bufbuild/protobuf';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/**
 * They wait by themselves, so that under load no answer waits for the writes of others: what they grant was read in the write that they
 * waited for, or waits where it was read. Their refusals do not wait: one may name a row that a power failure undoes, and nobody holds it
 * as evidence.
 */
const PROMPT: ReadonlySet<DescMethod> = new Set([
  ValidatorService.method.admit,
  ValidatorService.method.pushRecord,
  ValidatorService.method.acknowledge,
  ValidatorService.method.acknowledgeAll,
]);

type Handler = (request: unknown, context: HandlerContext) => unknown;

/**
 * Routes whose answers, refusals too but for those of the routes above, wait until all that was committed by then is on the disk: whatever rows a handler has read, it tells
 * nothing that a power failure undoes.
 */
export function answerOnceSynced(router: ConnectRouter, { synced }: Pick<GroupCommit, 'synced'>): ConnectRouter {
  const waiting: ConnectRouter = {
    ...router,
    rpc(method: DescMethod, handle: unknown, options: unknown) {
      async function answer(request: unknown, context: HandlerContext): Promise<unknown> {
        try {
          return await (handle as Handler)(request, context);
        } finally {
          await synced();
        }
      }
      router.rpc(method, (PROMPT.has(method) ? handle : answer) as never, options as never);
      return waiting;
    },
  };
  return waiting;
}
