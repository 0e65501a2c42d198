
// This follows the script of recipes.md. POST /next changes the status.
export async function run() {
  const watched = []
  for await (const {status} of client.watch({})) {
    watched.push(status)
    if (watched.length === 2) break
    await fetch('/next', {method: 'POST'})
  }
  const failure = await client.check({service: 'missing'}).then(String, error => error.message)
  return {Status: status, Watched: watched, Failure: failure}
}
