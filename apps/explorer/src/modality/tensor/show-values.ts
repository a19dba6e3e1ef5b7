import { decodeTensorData } from '@ogong/protocol/modality/tensor/tensor-data';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';
import { plural } from '../../format.ts';

/** Values of one output that a table shows. */
const SHOWN_VALUES = 16;

/** Formats the first values of an output, and counts the others. */
export function showValues(tensor: Tensor): string {
  const values = decodeTensorData(tensor);
  const shown = values.slice(0, SHOWN_VALUES).map(String).join(', ');
  const rest = values.length - SHOWN_VALUES;
  return rest > 0 ? `${shown} and ${plural(rest, 'more value')}` : shown;
}
