// An MCP server with sessions, made with the SDK's application for one's own machine,
// which checks Host. It listens on a free port, or on the Unix socket that its argument
// names, and prints its address. GET /requests returns how many requests it got.
import {randomUUID, webcrypto} from 'node:crypto'
import {createMcpExpressApp} from '@modelcontextprotocol/sdk/server/express.js'
import {McpServer} from '@modelcontextprotocol/sdk/server/mcp.js'
import {StreamableHTTPServerTransport} from '@modelcontextprotocol/sdk/server/streamableHttp.js'

globalThis.crypto ??= webcrypto // which the SDK needs, and the Node of Debian 12 hides

const text = value => ({content: [{type: 'text', text: value}]})

// Of the two tools, begin reports progress, waits for a call of proceed, and reports
// progress again.
function newServer() {
  const server = new McpServer({name: 'steps', version: '1.0.0'})
  let proceed
  server.registerTool('begin', {}, async ({_meta, sendNotification}) => {
    const report = progress => sendNotification({
      method: 'notifications/progress',
      params: {progressToken: _meta.progressToken, progress, total: 2},
    })
    const proceeding = new Promise(resolve => { proceed = resolve })
    await report(1)
    await proceeding
    await report(2)
    return text('done')
  })
  server.registerTool('proceed', {}, () => {
    proceed()
    return text('proceeding')
  })
  return server
}

const transports = new Map() // by session

async function openSession() {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: id => transports.set(id, transport),
    onsessionclosed: id => transports.delete(id),
  })
  await newServer().connect(transport)
  return transport
}

let requests = 0
const app = createMcpExpressApp()
app.all('/mcp', async (req, res) => {
  requests++
  const id = req.get('Mcp-Session-Id')
  if (id && !transports.has(id)) return res.sendStatus(404)
  const transport = id ? transports.get(id) : await openSession()
  await transport.handleRequest(req, res, req.body)
})
app.get('/requests', (_, res) => res.json(requests))

const [socket] = process.argv.slice(2)
const listener = app.listen(socket ? {path: socket} : {port: 0, host: '127.0.0.1'}, () => {
  console.log(socket ?? `127.0.0.1:${listener.address().port}`)
})
