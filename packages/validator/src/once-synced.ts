import type { DescMethod } from '@bufbuild/protobuf';
import type { ConnectRouter, HandlerContext } from '@connectrpc/connect';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/**
 * Methods that wait for the disk in their own handlers, so that under load no answer waits for the writes of others.
 * Their refusals do not wait: a refusal may name a row that a power failure undoes, but nobody stores it as evidence.
 */
const PROMPT: ReadonlySet<DescMethod> = new Set([
  ValidatorService.method.admit,
  ValidatorService.method.pushRecord,
  ValidatorService.method.acknowledge,
  ValidatorService.method.acknowledgeAll,
]);

type Handler = (request: unknown, context: HandlerContext) => unknown;

/**
 * Makes all answers wait until everything committed by then is on the disk. So no answer reveals a row that a power
 * failure may undo. The refusals of the routes above are the exception.
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
