import type { BatchModel } from '@ogong/engine/decode/batch-model';

/**
 * A model that forgets, before every serving pass, what lies more than `width` positions back. Scoring keeps all positions,
 * so that an honest score by the same child shows the difference.
 */
export function forgetBehind(model: BatchModel, width: number): BatchModel {
  return {
    ...model,
    createContext(options) {
      const context = model.createContext(options);
      if (options.purpose !== 'serve') return context;
      /** The first position of each sequence in the next pass. */
      const firsts = new Map<number, number>();
      return {
        ...context,
        add(token, position, sequence, shapeClass) {
          context.add(token, position, sequence, shapeClass);
          if (!firsts.has(sequence)) firsts.set(sequence, position);
        },
        decode(outputs) {
          for (const [sequence, position] of firsts) {
            if (position > width) context.remove(sequence, 0, position - width);
          }
          firsts.clear();
          context.decode(outputs);
        },
      };
    },
  };
}
