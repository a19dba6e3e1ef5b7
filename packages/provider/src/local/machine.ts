import { freemem, totalmem } from 'node:os';
import type { TextEngine } from '@ogong/engine/interface/text';
import type { Engine } from '@ogong/engine/open-engine';
import type { ApiContext } from '@ogong/host/http/api-app';
import type { Route } from '@ogong/protocol/http/routes';
import type { RunningModel } from '../engine/loaded-models.ts';
import type { ProviderModality } from '../modality/modality.ts';
import { findModality, isEngineOf } from '../modality/registry.ts';
import { textModality } from '../modality/text/text.ts';
import type { LocalCall } from './local-model.ts';
import { readModelCard } from './model-card.ts';
import type { ShelfModel } from './model-shelf.ts';
import type { SpeedMeter } from './speed-meter.ts';

export const MACHINE_ROUTES = { machine: { method: 'GET', path: '/machine' } } as const satisfies Readonly<
  Record<string, Route>
>;

/** GET /machine: models and memory, for the page. */
export async function showMachine(
  context: ApiContext,
  { shelf, loaded, speeds }: Pick<LocalCall, 'shelf' | 'loaded' | 'speeds'>,
): Promise<Response> {
  const running = new Map(loaded.list().map((model) => [model.reference, model]));
  const models = (await shelf.list()).map((model) => ({
    name: model.name,
    size_bytes: model.sizeBytes,
    ...describeUse(model, running.get(model.reference)),
    reads_pictures: model.readsPictures === true || readsPictures(running.get(model.reference)?.engine),
    running: formatRunning(running.get(model.reference), speeds),
  }));
  return context.json({ memory: { total_bytes: totalmem(), free_bytes: freemem() }, models });
}

const readsPictures = (engine: Engine | undefined): boolean =>
  engine !== undefined && isEngineOf<TextEngine>(textModality, engine) && engine.info().pictureToken !== undefined;

/** Describes the use of a model. A file that no engine runs, or that cannot be read, says so when it is used: until then it counts as a writer. */
function describeUse(model: ShelfModel, running: RunningModel | undefined) {
  const modality = running === undefined ? readModality(model) : findModality(running.engine);
  return { writes: modality?.writes ?? true, makes_pictures: modality?.makesPictures === true };
}

function readModality(model: ShelfModel): ProviderModality | undefined {
  try {
    return readModelCard(model).modality;
  } catch {
    return undefined;
  }
}

function formatRunning(model: RunningModel | undefined, speeds: SpeedMeter) {
  if (model === undefined) return null;
  const { sequences, contextSize, numericClass, exact } = model.engine.info();
  return {
    slots: sequences,
    busy: Math.min(model.users, sequences),
    context_size: contextSize,
    numeric_class: numericClass,
    exact,
    tokens_per_second: speeds.read(model.engine) ?? null,
  };
}
