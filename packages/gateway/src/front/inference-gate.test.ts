import { expect, it } from 'vitest';
import { createInferenceGate } from './inference-gate.ts';

it('gives a key its places, and all keys of an organisation no more than one', () => {
  const gate = createInferenceGate({ max: 6, maxPerKey: 2 });
  const organisation = { id: 'acme', budgetAtomic: undefined };
  const leave = gate.enter({ id: 'a', organisation });
  gate.enter({ id: 'b', organisation });
  expect(() => gate.enter({ id: 'c', organisation })).toThrow('organisation');
  gate.enter({ id: 'd' });
  leave();
  leave();
  gate.enter({ id: 'c', organisation });
  expect(gate.size()).toBe(3);
});
