import type { ApiContext } from '@ogong/host/http/api-app';
import { type LocalCall, unloadModel } from '../local-model.ts';
import type { ShelfModel } from '../model-shelf.ts';

/** Answers a request without a prompt: it loads the model, or unloads it if it is to stay for no time. */
export async function loadOrUnload(
  context: ApiContext,
  { loaded, clock }: LocalCall,
  { model, typed, keepMs, empty }: { model: ShelfModel; typed: string; keepMs: number | undefined; empty: object },
): Promise<Response> {
  const isUnload = keepMs === 0;
  if (isUnload) await unloadModel(loaded, model);
  else (await loaded.borrow(model, keepMs)).release();
  return context.json({
    model: typed,
    created_at: new Date(clock.nowMs()).toISOString(),
    ...empty,
    done: true,
    done_reason: isUnload ? 'unload' : 'load',
  });
}
