import type { EndpointInfo } from '../endpoint-info.ts';

/** Endpoints of pictures, in the order of their codes in headers and summaries. */
export const TRAJECTORY_ENDPOINT_INFO = {
  image: {
    path: '/v1/images/generations',
    idPrefix: 'img',
    operation: 'generate_content',
    use: 'pictures',
    isOpenAi: true,
  },
  'image-edit': {
    path: '/v1/images/edits',
    idPrefix: 'imgedit',
    operation: 'edit_content',
    use: 'pictures',
    isOpenAi: true,
  },
  'image-variation': {
    ...{
      path: '/v1/images/variations',
      idPrefix: 'imgvar',
      operation: 'vary_content',
      use: 'pictures',
      isOpenAi: true,
    },
  },
} as const satisfies Readonly<Record<string, EndpointInfo>>;
