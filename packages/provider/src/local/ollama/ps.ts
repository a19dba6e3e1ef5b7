import type { ApiContext } from '@ogong/host/http/api-app';
import { readPooled } from '../../engine/pooled-reference.ts';
import type { LocalCall } from '../local-model.ts';
import { formatEntry } from './details.ts';

/** Expiry that Ollama shows for a model that stays loaded: a date far away. */
const FOR_EVER_MS = 100 * 365 * 86_400_000;

/** The models that are loaded now. */
export async function ps(context: ApiContext, { shelf, loaded, clock }: LocalCall): Promise<Response> {
  const known = await shelf.list();
  const models = loaded.list().flatMap(({ reference, engine, expiresAtMs }) => {
    const model = known.find((each) => each.reference === readPooled(reference).reference);
    if (model === undefined) return [];
    const lastMs = Math.min(expiresAtMs, clock.nowMs() + FOR_EVER_MS);
    const { contextSize } = engine.info();
    return [
      {
        ...formatEntry(model),
        expires_at: new Date(lastMs).toISOString(),
        // This server does not tell the GPU's memory apart.
        size_vram: 0,
        context_length: contextSize,
      },
    ];
  });
  return context.json({ models });
}
