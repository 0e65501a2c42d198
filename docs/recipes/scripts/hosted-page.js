
// This follows the script of recipes.md.
export const run = () => ({Status: response.status, Forecast: forecast})
