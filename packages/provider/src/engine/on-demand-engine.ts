import { EngineError } from '@ogong/engine/interface/engine-error';
import type { Engine } from '@ogong/engine/open-engine';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { findModality } from '../modality/registry.ts';
import type { LoadedModels } from './loaded-models.ts';

/** How an engine's model comes into memory and goes. */
export interface ModelPresence {
  /** Loads the model if it is not loaded, and keeps it until the function that is returned is called. @throws ModelError, EngineError */
  hold(): Promise<() => void>;
  isLoaded(): boolean;
  /** Whether it is loaded, or fits once models that nobody uses are gone. */
  hasRoom(): boolean;
}

/**
 * An engine whose model is loaded for each call that needs it, and may be gone between two of them.
 * @param first the engine of the first load. Each later load must have the same model and class.
 */
export function createOnDemandEngine<E extends Engine>(
  first: E,
  { reference, loaded }: { readonly reference: string; readonly loaded: LoadedModels },
): { readonly engine: E; readonly presence: Omit<ModelPresence, 'hasRoom'> } {
  const known = first.info();
  const find = () => loaded.list().find((each) => each.reference === reference);

  async function borrow(): Promise<{ readonly engine: E; readonly release: () => void }> {
    const { engine, release } = await loaded.borrow({ reference });
    const { modelRoot, numericClass } = engine.info();
    if (equalBytes(modelRoot, known.modelRoot) && numericClass === known.numericClass) {
      return { engine: engine as E, release };
    }
    release();
    throw new EngineError(
      'unsupported-model',
      `${reference} came back as another model or in another class (${numericClass}, before ${known.numericClass}); start again`,
    );
  }

  async function use<T>(work: (engine: E) => Promise<T>): Promise<T> {
    const { engine, release } = await borrow();
    try {
      return await work(engine);
    } finally {
      release();
    }
  }

  const presence = {
    hold: async () => (await borrow()).release,
    isLoaded: () => find() !== undefined,
  };
  const shared = {
    // An engine that was restarted may have become another one.
    info: () => find()?.engine.info() ?? known,
    // Its owner closes what is loaded.
    close: async () => undefined,
  };
  const engine = { ...shared, ...findModality<E>(first).wrapOnDemand({ use, borrow }) };
  return { engine: engine as unknown as E, presence };
}
