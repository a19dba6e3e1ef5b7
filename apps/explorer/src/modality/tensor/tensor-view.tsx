import { TENSOR_ENDPOINT_INFO } from '@ogong/protocol/modality/tensor/endpoints';
import { decodeTensorData } from '@ogong/protocol/modality/tensor/tensor-data';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';
import { parseTensorResponse } from '@ogong/protocol/modality/tensor/tensor-list';
import type { ComponentChildren } from 'preact';
import { ExactBytes } from '../exact-bytes.tsx';
import type { ModalityView } from '../modality.ts';

/** Values of one output that the table shows. */
const SHOWN_VALUES = 16;

const showValues = (tensor: Tensor): string => {
  const values = decodeTensorData(tensor);
  const shown = values.slice(0, SHOWN_VALUES).map(String).join(', ');
  return values.length > SHOWN_VALUES ? `${shown}, … ${values.length} values` : shown;
};

function showOutputs(outputs: readonly Tensor[]): ComponentChildren {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Output</th>
          <th scope="col">Type</th>
          <th scope="col">Shape</th>
          <th scope="col">Values</th>
        </tr>
      </thead>
      <tbody>
        {outputs.map((tensor) => (
          <tr key={tensor.name}>
            <th scope="row">{tensor.name}</th>
            <td>{tensor.dtype}</td>
            <td>[{tensor.shape.join(', ')}]</td>
            <td>{showValues(tensor)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export const tensorView: ModalityView = {
  endpoints: Object.keys(TENSOR_ENDPOINT_INFO),
  show: ({ file }) => (
    <>
      {file.response && showOutputs(parseTensorResponse(file.response))}
      <ExactBytes file={file} />
    </>
  ),
};
