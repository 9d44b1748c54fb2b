fn main() {
    limbeck::codegen::embed("migrations");
}
