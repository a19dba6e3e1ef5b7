import type { ApiContext } from '@ogong/host/http/api-app';
import type { LocalCall } from '../local-model.ts';
import { formatEntry } from './details.ts';

/** All models on this machine, the newest first. */
export async function tags(context: ApiContext, { shelf }: LocalCall): Promise<Response> {
  const models = [...(await shelf.list())].sort((a, b) => b.modifiedAtMs - a.modifiedAtMs);
  return context.json({
    models: models.map((model) => ({
      ...formatEntry(model),
      modified_at: new Date(model.modifiedAtMs).toISOString(),
    })),
  });
}
