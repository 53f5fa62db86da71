/** Where the API's routes begin; the version is part of it. */
export const API_PREFIX = 'api/v1';
