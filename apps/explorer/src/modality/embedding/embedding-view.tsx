import { EMBEDDING_ENDPOINT_INFO } from '@ogong/protocol/modality/embedding/endpoints';
import { ExactBytes } from '../exact-bytes.tsx';
import type { ModalityView } from '../modality.ts';

export const embeddingView: ModalityView = {
  endpoints: Object.keys(EMBEDDING_ENDPOINT_INFO),
  show: ({ file }) => <ExactBytes file={file} />,
};
