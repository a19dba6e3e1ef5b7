import { TENSOR_ENDPOINT_INFO } from '@ogong/protocol/modality/tensor/endpoints';
import { decodeTensorData } from '@ogong/protocol/modality/tensor/tensor-data';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';
import { parseTensorResponse } from '@ogong/protocol/modality/tensor/tensor-list';
import { plural } from '../../format.ts';
import { Table } from '../../view/parts.tsx';
import { ExactBytes } from '../exact-bytes.tsx';
import type { ModalityView } from '../modality.ts';

/** Values of one output that the table shows. */
const SHOWN_VALUES = 16;

/** Formats the first values of an output, and counts the others. */
export function showValues(tensor: Tensor): string {
  const values = decodeTensorData(tensor);
  const shown = values.slice(0, SHOWN_VALUES).map(String).join(', ');
  const rest = values.length - SHOWN_VALUES;
  return rest > 0 ? `${shown} and ${plural(rest, 'more value')}` : shown;
}

function Outputs({ outputs }: { outputs: readonly Tensor[] }) {
  return (
    <Table label="Outputs" head={['Output', 'Type', 'Shape', 'Values']}>
      {outputs.map((tensor) => (
        <tr key={tensor.name}>
          <td>{tensor.name}</td>
          <td>{tensor.dtype}</td>
          <td>[{tensor.shape.join(', ')}]</td>
          <td>{showValues(tensor)}</td>
        </tr>
      ))}
    </Table>
  );
}

export const tensorView: ModalityView = {
  endpoints: Object.keys(TENSOR_ENDPOINT_INFO),
  show: ({ file }) => (
    <>
      <Outputs outputs={parseTensorResponse(file.response)} />
      <ExactBytes file={file} />
    </>
  ),
};
