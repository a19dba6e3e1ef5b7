import { readFileSync } from 'node:fs';
import { writePrivateFile } from '@ogong/host/files/private-files';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { z } from 'zod';

/** Name of the list in a provider's store of models. */
export const HELD_FILE = 'held.json';

const hash = z.string().regex(/^[0-9a-f]{64}$/);

const heldModel = z.strictObject({
  modelId: z.string().refine(isModelId, 'no model id'),
  manifestHash: hash,
  modelRoot: hash,
  sizeBytes: z.int().positive(),
  /** Time of its last order, or of its fetch. */
  usedAtMs: z.int().nonnegative(),
});

/** A model of the hub that a provider has fetched, or is fetching. */
export type HeldModel = z.infer<typeof heldModel>;

/** An announcement has no more models. */
const MAX_HELD = 64;
const heldFile = z.strictObject({ models: z.array(heldModel).max(MAX_HELD) });
const LARGEST_FILE = 64 * 1024;

/** The list of the models that a provider has from the hub, on the disk. */
export interface HeldModels {
  list(): readonly HeldModel[];
  find(modelId: string): HeldModel | undefined;
  /** Adds a model, or replaces its row. */
  put(model: HeldModel): void;
  remove(modelId: string): void;
  /** Notes an order. It is on the disk after the next `save`. */
  touch(modelId: string, nowMs: number): void;
  save(): void;
}

/** @throws Error if the file is not a list. Nothing is deleted then. */
export function openHeldModels(path: string): HeldModels {
  const rows = new Map(readHeld(path).map((model) => [model.modelId, model]));
  let isSaved = true;
  const save = (): void => {
    if (!isSaved) writePrivateFile(path, `${JSON.stringify({ models: [...rows.values()] }, null, 2)}\n`);
    isSaved = true;
  };
  const change = (model: HeldModel): void => {
    rows.set(model.modelId, model);
    isSaved = false;
  };
  return {
    list: () => [...rows.values()],
    find: (modelId) => rows.get(modelId),
    put(model) {
      change(model);
      save();
    },
    remove(modelId) {
      if (rows.delete(modelId)) isSaved = false;
      save();
    },
    touch(modelId, nowMs) {
      const model = rows.get(modelId);
      if (model !== undefined) change({ ...model, usedAtMs: nowMs });
    },
    save,
  };
}

/**
 * Reads the list of a provider; empty where there is none.
 * @throws Error if the file is not a list.
 */
export function readHeld(path: string): readonly HeldModel[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const parsed = text.length > LARGEST_FILE ? undefined : heldFile.safeParse(JSON.parse(text));
  if (parsed?.success !== true) throw new Error(`${path} is no list of models; remove it to fetch models again`);
  return parsed.data.models;
}

function isModelId(text: string): boolean {
  try {
    parseModelId(text);
    return true;
  } catch {
    return false;
  }
}
