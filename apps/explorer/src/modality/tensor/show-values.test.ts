import { encodeTensorData } from '@ogong/protocol/modality/tensor/tensor-data';
import { expect, it } from 'vitest';
import { showValues } from './show-values.ts';

it('shows the first values of an output, and counts the others', () => {
  const show = (values: readonly number[]) => {
    const data = encodeTensorData('float32', values);
    return showValues({ name: 'y', dtype: 'float32', shape: [values.length], data });
  };
  expect(show([0.5, -2])).toBe('0.5, -2');
  expect(show(Array.from({ length: 18 }, (_, i) => i))).toMatch(/^0, 1, .*, 15 and 2 more values$/);
});
