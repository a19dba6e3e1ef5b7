import { TENSOR_ENDPOINT_INFO } from '@ogong/protocol/modality/tensor/endpoints';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';
import { parseTensorResponse } from '@ogong/protocol/modality/tensor/tensor-list';
import { Table } from '../../view/parts.tsx';
import { ExactBytes } from '../exact-bytes.tsx';
import type { ModalityView } from '../modality.ts';
import { showValues } from './show-values.ts';

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
