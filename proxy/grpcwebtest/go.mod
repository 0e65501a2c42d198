module originwarden/proxy/grpcwebtest

go 1.26.0

require (
	connectrpc.com/connect v1.21.1
	google.golang.org/grpc v1.84.0
	originwarden v0.0.0
)

require (
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260928230214-8a89bd6388cc // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace originwarden => ../..
