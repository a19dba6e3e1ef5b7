import type { EmbeddingEngine } from '@ogong/engine/interface/embedding';
import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine } from '@ogong/engine/interface/text';
import type { Engine } from '@ogong/engine/open-engine';
import { equalBytes } from '@ogong/protocol/base/bytes';
import type { LoadedModels } from './loaded-models.ts';

/** How an engine's model comes into memory and goes. */
export interface ModelPresence {
  /** Loads the model where it is not loaded, and keeps it until the function that is returned is called. @throws ModelError, EngineError */
  hold(): Promise<() => void>;
  isLoaded(): boolean;
  /** Whether it is loaded, or fits once models that nobody uses are gone. */
  hasRoom(): boolean;
}

/**
 * An engine whose model is loaded for each call that needs it, and may be gone between two of them.
 * @param first the engine of the first time that it was loaded: what it was then is what it has to be whenever it comes back.
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
  const engine = first.specificationVersion === 'text-v1' ? wrapText(use, borrow) : wrapEmbedding(use);
  return { engine: { ...shared, ...engine } as unknown as E, presence };
}

type Use<E> = <T>(work: (engine: E) => Promise<T>) => Promise<T>;
type Borrow = () => Promise<{ readonly engine: Engine; readonly release: () => void }>;

function wrapText(use: Use<Engine>, borrow: Borrow): Omit<TextEngine, 'info' | 'close'> {
  const text = use as unknown as Use<TextEngine>;
  return {
    specificationVersion: 'text-v1',
    async *generate(request, options) {
      const { engine, release } = await borrow();
      try {
        yield* (engine as TextEngine).generate(request, options);
      } finally {
        release();
      }
    },
    score: (request, options) => text((engine) => engine.score(request, options)),
    trace: (request, options) => text((engine) => engine.trace(request, options)),
    tokenizePrompt: (prompt) => text((engine) => engine.tokenizePrompt(prompt)),
    detokenize: (tokens) => text((engine) => engine.detokenize(tokens)),
  };
}

function wrapEmbedding(use: Use<Engine>): Omit<EmbeddingEngine, 'info' | 'close'> {
  const embedding = use as unknown as Use<EmbeddingEngine>;
  return {
    specificationVersion: 'embedding-v1',
    embed: (request, options) => embedding((engine) => engine.embed(request, options)),
    tokenize: (input, query) => embedding((engine) => engine.tokenize(input, query)),
  };
}
