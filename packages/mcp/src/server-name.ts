export const SERVER_NAME = 'ogong';
